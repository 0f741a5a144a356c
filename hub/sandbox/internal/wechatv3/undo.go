package wechatv3

import (
	"net/http"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

// about reads the body of a close or a reversal and names the order.
func (c *call) about(app bool) (r book.Ref, reply door.Reply, done bool) {
	var p parties
	if err := strictjson.Decode(c.Body, &p); err != nil {
		reply, _ = c.bad("", "请求体不是合法的JSON")
		return r, reply, true
	}
	if reply, bad := c.badParties(p, app); bad {
		return r, reply, true
	}
	c.seen = c.args[1]
	return book.Ref{Wallet: pay.WeChat, Mch: c.mch, Number: c.args[1]}, door.Reply{}, false
}

func (c *call) closeOrder() (door.Reply, error) {
	r, reply, done := c.about(false)
	if done {
		return reply, nil
	}
	s, err := c.door.book.CloseOrder(c.Now, r)
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Done:
		return c.reply(s, http.StatusNoContent, string(s.Verdict), nil), nil
	case order.PaidBefore:
		return c.refuse(http.StatusBadRequest, "ORDER_PAID", "该订单已支付", ""), nil
	case order.Absent:
		return c.refuse(http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在", ""), nil
	case order.OrderClosed:
		return c.reply(s, http.StatusNoContent, string(s.Verdict), nil), nil
	case order.TryAgain:
		return c.refuse(http.StatusInternalServerError, "SYSTEM_ERROR", "系统错误，请稍后重试", ""), nil
	}
	return c.refuse(http.StatusBadRequest, "INVALID_REQUEST", "付款码支付订单不支持关单，只能撤销", ""), nil
}

func (c *call) reverseOrder() (door.Reply, error) {
	r, reply, done := c.about(true)
	if done {
		return reply, nil
	}
	s, err := c.door.book.Reverse(c.Now, r)
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Down:
		return door.Down(), nil
	case order.Absent:
		return c.refuse(http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在", ""), nil
	case order.TryAgain: // v3 has no recall flag
		return c.refuse(http.StatusInternalServerError, "SYSTEM_ERROR", "系统错误，请稍后重试", ""), nil
	case order.TooLate:
		return c.refuse(http.StatusBadRequest, "INVALID_REQUEST", "订单无法撤销: 超过7天", ""), nil
	case order.InPassword:
		return c.refuse(http.StatusBadRequest, "USERPAYING", "正在支付中不能发起撤销", ""), nil
	case order.Undoable, order.WrongWay:
		return c.refuse(http.StatusBadRequest, "INVALID_REQUEST", "该订单不能撤销", ""), nil
	}
	out := c.door.names(c.merchant.WeChat.MchID, c.mch)
	out["out_trade_no"] = r.Number
	return c.reply(s, http.StatusOK, string(s.Verdict), out), nil
}
