package unionpay

import (
	"strconv"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
)

// giveBack is a refund or an undo: an order of its own that names another.
func (c *call) giveBack(undo bool) (door.Reply, error) {
	if !c.timely() {
		return c.refuse("10", "订单发送时间不正确[6100031]")
	}
	n, err := strconv.ParseInt(c.params["txnAmt"], 10, 64)
	if err != nil || n > money.Max {
		return c.refuse("10", "报文格式错误:txnAmt[6100030]")
	}
	of := book.Ref{Wallet: wallet, Mch: c.merchant.UnionPay.MerID, Number: c.params["origOrderId"], Stamp: c.params["origTxnTime"],
		WalletRef: c.params["origQryId"]}
	if of.WalletRef == "" && (of.Number == "" || of.Stamp == "") {
		return c.refuse("10", "报文格式错误:origQryId[6100030]")
	}
	s, err := c.door.Book.Refund(c.now, of, order.Given{Number: c.params["orderId"], Stamp: c.params["txnTime"], Undo: undo, Amount: money.Fen(n), Notify: c.params["backUrl"]}, money.Amount{})
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Taken:
		out := c.echo()
		out["queryId"] = s.Refund.Ref(wallet)
		if of.WalletRef != "" {
			out["origQryId"] = of.WalletRef
		}
		return c.reply(order.Step{}, out, "00", success)
	case order.Repeated, order.OtherAmount, order.NumberUsed:
		return c.refuse("12", "重复交易[2040004]")
	case order.TooMuch:
		return c.refuse("37", "退货金额大于原交易剩余金额[2010004]")
	}
	return c.refuse("35", "原交易不存在或状态不正确[2011000]")
}

// queryBack answers about a refund or an undo, when there is no consumption of that name.
func (c *call) queryBack(ref book.Ref) (door.Reply, error) {
	o, list, err := c.door.Book.Refunds(c.now, book.Ref{Wallet: ref.Wallet, Mch: ref.Mch}, book.RefundRef{Number: ref.Number, WalletRef: ref.WalletRef})
	if err != nil {
		return door.Reply{}, err
	}
	if len(list) == 0 || ref.WalletRef == "" && list[0].Stamp != ref.Stamp {
		return c.refuse("34", "查无此交易[2600000]")
	}
	back := list[0]
	out := c.describe(back.Number, back.Stamp, back.Ref(wallet), back.ID, back.Amount, back.Created)
	out["txnType"], out["txnSubType"] = map[bool]string{false: "04", true: "31"}[back.Undo], "00"
	out["origQryId"] = o.Ref()
	switch back.State {
	case order.Returned:
		out["origRespCode"], out["origRespMsg"] = "00", success
	case order.Processing:
		out["origRespCode"], out["origRespMsg"] = "05", "交易已受理，请稍后查询交易结果[2000005]"
	default:
		out["origRespCode"], out["origRespMsg"] = "01", "交易失败[1000001]"
	}
	return c.reply(order.Step{}, out, "00", success)
}
