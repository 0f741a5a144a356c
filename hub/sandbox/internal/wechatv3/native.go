package wechatv3

import (
	"net/http"
	"net/url"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
)

// native makes an order whose code the customer scans.
func (c *call) native() (door.Reply, error) {
	a, o, reply, done := c.readOrder()
	if done {
		return reply, nil
	}
	to, err := url.Parse(a.NotifyURL)
	switch {
	case a.Payer != nil:
		return c.bad("/payer", "payer")
	case err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" || to.RawQuery != "" || len(a.NotifyURL) > 256:
		return c.bad("/notify_url", "notify_url")
	case a.SceneInfo != nil && (!isIP(a.SceneInfo.PayerClientIP) || a.SceneInfo.DeviceIP != ""):
		return c.bad("/scene_info/payer_client_ip", "payer_client_ip")
	case a.SceneInfo != nil && a.SceneInfo.StoreInfo != nil && a.SceneInfo.StoreInfo.ID == "":
		return c.bad("/scene_info/store_info/id", "store_info.id")
	}
	o.Expires = c.Now.Add(7 * 24 * time.Hour)
	if a.TimeExpire != "" {
		if o.Expires, err = time.Parse(time.RFC3339, a.TimeExpire); err != nil || !timeShape.MatchString(a.TimeExpire) {
			return c.bad("/time_expire", "time_expire")
		}
		if o.Expires = o.Expires.UTC(); o.Expires.Before(c.Now.Add(time.Minute)) {
			return c.bad("/time_expire", "time_expire须晚于下单时间1分钟")
		}
	}
	o.Notify, o.NotifySign = a.NotifyURL, c.wish()
	s, err := c.door.book.Offer(c.Now, o)
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Showing:
		return c.reply(s, http.StatusOK, string(s.Verdict), map[string]any{"code_url": s.Order.Text()}), nil
	case order.PaidBefore:
		return c.refuse(http.StatusBadRequest, "ORDER_PAID", "该订单已支付", ""), nil
	case order.OrderClosed, order.OrderReversed:
		return c.refuse(http.StatusBadRequest, "ORDER_CLOSED", "该订单已关闭", ""), nil
	}
	return c.refuse(http.StatusBadRequest, "INVALID_REQUEST", "商户订单号重复: 请求参数与之前不一致", ""), nil
}
