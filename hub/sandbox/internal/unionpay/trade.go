package unionpay

import (
	"crypto/sha256"
	"strconv"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// success is the text beside every 00.
const success = "成功[0000000]"

// pay is the consumption: the merchant scanned the customer's code.
func (c *call) pay() (door.Reply, error) {
	if !c.timely() {
		return c.refuse("10", "订单发送时间不正确[6100031]")
	}
	code, err := pay.ParseCode(c.params["qrNo"])
	if w, known := code.Wallet(); err != nil || !known || w != wallet {
		return c.refuse("61", "二维码无效[1000061]")
	}
	n, err := strconv.ParseInt(c.params["txnAmt"], 10, 64)
	if err != nil || money.Fen(n).Charge() != nil {
		return c.refuse("10", "报文格式错误:txnAmt[6100030]")
	}
	sum := sha256.Sum256(signedText(c.params))
	s, err := c.door.Book.Pay(c.now, order.Order{
		Wallet: wallet, Mch: c.merchant.UnionPay.MerID, Number: c.params["orderId"], Stamp: c.params["txnTime"], Digest: [16]byte(sum[:16]),
		Amount: money.Fen(n), Expires: c.now.Add(order.Life(wallet)), Terminal: c.params["termId"], Attach: c.params["reqReserved"],
		Notify: c.params["backUrl"],
	}, code)
	if err != nil {
		return door.Reply{}, err
	}
	return c.accepted(s)
}

// accepted says what became of the request, not of the money: a balance that is too low shows in
// the query.
func (c *call) accepted(s order.Step) (door.Reply, error) {
	switch {
	case s.Verdict == order.Down:
		return c.down(s), nil
	case s.Delivery == order.Cut:
		return door.Reply{Cut: true, Order: s.Order.Number, Verdict: string(s.Verdict)}, nil
	}
	switch s.Verdict {
	case order.Charged, order.Pending, order.BalanceLow:
		out := c.echo()
		out["queryId"] = s.Order.Ref()
		return c.reply(s, out, "00", success)
	case order.SystemError:
		return c.reply(s, c.echo(), "04", "交易状态未明，请查询对账结果[2000004]")
	case order.Limited:
		return c.reply(s, c.echo(), "06", "系统繁忙，请稍后再试[2000006]")
	case order.CodeExpired, order.CodeUsed:
		return c.reply(s, c.echo(), "61", "二维码已失效[1000061]")
	}
	return c.reply(s, c.echo(), "12", "重复交易[2040004]")
}

// query is the state of a consumption, a refund or an undo.
func (c *call) query() (door.Reply, error) {
	ref := c.ref()
	ref.WalletRef = c.params["queryId"]
	s, err := c.door.Book.Query(c.now, ref)
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Down:
		return c.down(s), nil
	case order.Absent:
		return c.queryBack(ref)
	}
	o := s.Order
	out := c.describe(o.Number, o.Stamp, o.Ref(), o.ID, o.Amount, o.Created)
	out["txnType"], out["txnSubType"] = "01", "06"
	if o.Attach != "" {
		out["reqReserved"] = o.Attach
	}
	out["origRespCode"], out["origRespMsg"] = state(o)
	if o.State == order.Undone { // the latest under this number is the reversal
		out["txnType"], out["txnSubType"] = "99", "01"
		delete(out, "queryId")
	}
	return c.reply(s, out, "00", success)
}

// state is how an order ended, or that it did not.
func state(o order.Order) (code, text string) {
	switch {
	case o.State == order.Paid || o.State == order.Undone:
		return "00", success
	case o.State == order.Waiting:
		return "05", "交易已受理，请稍后查询交易结果[2000005]"
	case o.Fate == order.BalanceTooLow:
		return "64", "余额不足[1000051]"
	}
	return "01", "交易失败[1000001]"
}

// describe is what a query tells of every transaction.
func (c *call) describe(number, stamp, ref string, id int64, sum money.Amount, at time.Time) map[string]string {
	out := c.echo()
	describe(out, number, stamp, ref, id, sum, at)
	return out
}

// ref names the order that the request is about.
func (c *call) ref() book.Ref {
	return book.Ref{Wallet: wallet, Mch: c.merchant.UnionPay.MerID, Number: c.params["orderId"], Stamp: c.params["txnTime"]}
}

// reverse undoes a consumption whose end the merchant does not know, under its own number and moment.
func (c *call) reverse() (door.Reply, error) {
	s, err := c.door.Book.Reverse(c.now, c.ref())
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Down:
		return c.down(s), nil
	case order.Done:
		return c.reply(s, c.echo(), "00", success)
	case order.TryAgain:
		return c.reply(s, c.echo(), "04", "交易状态未明[2000004]")
	case order.Absent, order.Nothing:
		return c.reply(s, c.echo(), "34", "查无此交易[2600000]")
	}
	return c.reply(s, c.echo(), "30", "原交易不存在或状态不正确[2011000]") // its day is over, or money went back in another way
}
