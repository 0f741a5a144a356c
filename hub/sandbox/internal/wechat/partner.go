package wechat

import "cloudcashier/hub/sandbox/internal/merchant"

// stands reads whom a service provider stands for; its own requests name nobody. UNVERIFIED: the wallet's words for a sub
// merchant that is not the provider's.
func (c *call) stands() (code, text string) {
	sub := c.fields.get("sub_mch_id")
	if sub == "" {
		if c.fields.get("sub_appid") != "" {
			return "LACK_PARAMS", "缺少参数 sub_mch_id"
		}
		return "", ""
	}
	m := c.door.Merchants.WeChatMch(sub)
	if m == nil || !c.merchant.StandsFor(m.Name) {
		return "NOAUTH", "商户无此接口权限: 子商户sub_mch_id与服务商mch_id未建立关系"
	}
	if app := c.fields.get("sub_appid"); app != "" && app != m.WeChat.AppID {
		return "APPID_MCHID_NOT_MATCH", "sub_appid和sub_mch_id不匹配"
	}
	c.sub = m
	return "", ""
}

// payee is whose money it is.
func (c *call) payee() *merchant.Merchant {
	if c.sub != nil {
		return c.sub
	}
	return c.merchant
}

// mch is the number under which the payee's orders are booked. UNVERIFIED: that a provider and its sub merchant see the
// same orders.
func (c *call) mch() string { return c.payee().WeChat.MchID }

// about names the merchants in an answer.
func (c *call) about() []field {
	fs := []field{{"appid", c.merchant.WeChat.AppID}, {"mch_id", c.merchant.WeChat.MchID}}
	if c.sub != nil {
		fs = append(fs, field{"sub_mch_id", c.sub.WeChat.MchID}, field{"sub_appid", c.fields.get("sub_appid")})
	}
	return fs
}
