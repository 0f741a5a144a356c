package portal

import (
	"fmt"
	"strings"
	"time"
)

// words are the page's texts in one language.
type words struct {
	Tag, Title, OpenTitle, LatestTitle, TillsTitle, None, AsOf, UnknownNow, Broken, Never string
	Payment, Order, Amount, Wallet, Status, Outcome, Age, Till, Name, Store, Link         string
	ChannelsTitle, Channel, Answered, Failed, Mean                                        string
	seconds, minutes, hours, days                                                         string
	terms                                                                                 map[string]string
}

var english = &words{
	Tag: "en", Title: "Operations", OpenTitle: "Waiting for an outcome", LatestTitle: "Latest payments", TillsTitle: "Terminals",
	None: "none", AsOf: "as of", UnknownNow: "unknown now", Broken: "the page cannot be shown now: try again", Never: "never",
	Payment: "Payment", Order: "Order", Amount: "Amount", Wallet: "Wallet", Status: "Status", Outcome: "Outcome", Age: "Age",
	Till: "Terminal", Name: "Name", Store: "Store", Link: "Link",
	ChannelsTitle: "Channels", Channel: "Channel", Answered: "Answered", Failed: "Failed", Mean: "Mean",
	seconds: "%d s", minutes: "%d min", hours: "%d h", days: "%d d",
	terms: map[string]string{
		"wechat": "WeChat Pay", "alipay": "Alipay", "unionpay": "UnionPay", "storedvalue": "Stored value",
		"outcome_paid": "paid", "outcome_not_paid": "not paid", "outcome_unknown": "not known yet", "link_up": "up", "link_down": "down",
		"channel_taking": "takes payments", "channel_drained": "drained", "channel_maintenance": "maintenance", "channel_open": "breaker open", "channel_half-open": "being tried",
	},
}

var chinese = &words{
	Tag: "zh", Title: "运营总览", OpenTitle: "等待结果", LatestTitle: "最近的支付", TillsTitle: "终端",
	None: "无", AsOf: "截至", UnknownNow: "当前结果未知", Broken: "暂时无法显示此页，请重试", Never: "从未",
	Payment: "支付单", Order: "订单号", Amount: "金额", Wallet: "钱包", Status: "状态", Outcome: "结果", Age: "已过",
	Till: "终端", Name: "名称", Store: "门店", Link: "连接",
	ChannelsTitle: "通道", Channel: "通道", Answered: "已应答", Failed: "失败", Mean: "平均耗时",
	seconds: "%d 秒", minutes: "%d 分钟", hours: "%d 小时", days: "%d 天",
	terms: map[string]string{
		"wechat": "微信支付", "alipay": "支付宝", "unionpay": "银联", "storedvalue": "储值码",
		"created": "已受理", "pending": "支付中", "unknown": "未知", "succeeded": "成功", "declined": "被拒绝",
		"reversing": "撤销中", "reversed": "已撤销", "closed": "已关闭",
		"outcome_paid": "已收款", "outcome_not_paid": "未收款", "outcome_unknown": "尚不确定", "link_up": "在线", "link_down": "离线",
		"channel_taking": "正常", "channel_drained": "已停用新单", "channel_maintenance": "维护中", "channel_open": "已熔断", "channel_half-open": "试探中",
	},
}

// word translates a stable word; one without a translation stands for itself.
func (w *words) word(s string) string {
	if t, ok := w.terms[s]; ok {
		return t
	}
	return s
}

// age rounds down to one unit.
func (w *words) age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf(w.seconds, d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf(w.minutes, d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf(w.hours, d/time.Hour)
	}
	return fmt.Sprintf(w.days, d/(24*time.Hour))
}

// language picks English or Chinese by Accept-Language; English when in doubt. Weights are "0" to
// "1" with up to three decimals, so their texts order as their values do.
func language(accept string) *words {
	best, weight := english, "0"
	for _, part := range strings.Split(accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := "1"
		if text, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q = text
		}
		if strings.Trim(q, "0.") == "" || q <= weight {
			continue
		}
		switch primary, _, _ := strings.Cut(strings.ToLower(tag), "-"); primary {
		case "en":
			best, weight = english, q
		case "zh":
			best, weight = chinese, q
		}
	}
	return best
}
