package unionpay

import (
	"strconv"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
)

// giveBack is a refund or an undo: an order of its own that names another.
func (c *call) giveBack(kind order.ContraKind) (door.Reply, error) {
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
	verdict, back, err := c.door.Book.GiveBack(c.now, of, order.Contra{Kind: kind, Number: c.params["orderId"], Stamp: c.params["txnTime"],
		Amount: money.Fen(n), Created: c.now})
	if err != nil {
		return door.Reply{}, err
	}
	switch verdict {
	case order.ContraTaken:
		out := c.echo()
		out["queryId"] = back.Ref()
		if of.WalletRef != "" {
			out["origQryId"] = of.WalletRef
		}
		return c.reply(order.Step{}, out, "00", success)
	case order.ContraNumberUsed:
		return c.refuse("12", "重复交易[2040004]")
	case order.ContraTooMuch:
		return c.refuse("37", "退货金额大于原交易剩余金额[2010004]")
	}
	return c.refuse("35", "原交易不存在或状态不正确[2011000]")
}

// queryBack answers about a refund or an undo, when there is no consumption of that name.
func (c *call) queryBack(ref book.Ref) (door.Reply, error) {
	back, found, err := c.door.Book.FindBack(ref)
	if err != nil {
		return door.Reply{}, err
	}
	if !found {
		return c.refuse("34", "查无此交易[2600000]")
	}
	out := c.describe(back.Number, back.Stamp, back.Ref(), back.ID, back.Amount, back.Created)
	out["txnType"], out["txnSubType"] = map[order.ContraKind]string{order.ContraRefund: "04", order.ContraUndo: "31"}[back.Kind], "00"
	out["origQryId"] = back.Of
	out["origRespCode"], out["origRespMsg"] = "00", success
	return c.reply(order.Step{}, out, "00", success)
}
