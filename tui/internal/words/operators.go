package words

import "cloudcashier/shared/localapi"

// Who works at the till, and who stands for what.
var (
	MenuOperators = Key{"Operators: sign on, sign off", "收银员：上岗、离岗"}

	DutyTitle    = Key{"WHO IS ON DUTY", "当班收银员"}
	DutyNow      = Key{"On duty: %s", "当班：%s"}
	DutyNobody   = Key{"Nobody is on duty.", "现在没有人当班。"}
	DutyRequired = Key{"This shop sells with an operator on duty only.", "本店要求收银员上岗后才能收款。"}
	DutyEmpty    = Key{"The hub names no operators for this shop.", "中心没有为本店登记收银员。"}
	DutyExpired  = Key{
		"! The list is too old: connect the till. Selling goes on; signing on and approving do not.",
		"! 名单已过期：请联网。可以继续收款，不能上岗和授权。"}
	DutyLimit  = Key{"refunds up to %s", "限退 %s"}
	DutyLocked = Key{"LOCKED until %s", "锁定至 %s"}
	DutyAsking = Key{"Asking...", "请稍候..."}
	DutyOff    = Key{"Signed off.", "已离岗。"}
	DutyOn     = Key{"%s is on duty.", "%s 已上岗。"}
	DutyUnsure = Key{"The agent does not answer. Look who is on duty before you go on.", "收银程序没有应答。请先看清谁在当班。"}

	RoleCashier    = Key{"cashier", "收银员"}
	RoleSupervisor = Key{"supervisor", "店长"}

	PINTitle     = Key{"PIN of %s", "%s 的密码"}
	PINWrong     = Key{"Wrong PIN of %s: %d more tries.", "%s 密码错误：还可以试 %d 次。"}
	PINLocked    = Key{"Too many wrong PINs: %s is locked until %s.", "密码错误太多：%s 锁定至 %s。"}
	ApproveTitle = Key{"Who approves the refund of %s?", "退款 %s，由谁授权？"}
	ApproveNone  = Key{"This till knows no supervisor: nothing goes back. Ask the operator of the hub.", "本机没有登记店长，不能退款。请联系中心管理员。"}
	ApproveNot   = Key{"Not refunded: nobody approved it.", "没有退款：没有人授权。"}

	RefundAmountTitle = Key{"How much goes back? At most %s", "退多少？最多 %s"}
	RefundAmountBad   = Key{"Not refunded: that is no amount between 0.01 and %s.", "没有退款：金额应在 0.01 与 %s 之间。"}
	RefundReasonTitle = Key{"Why? The customer's wallet shows it.", "退款原因？顾客的钱包会显示。"}
	RefundReason      = Key{"Reason: %s.", "原因：%s。"}
	RefundAll         = Key{"refund this amount", "退这个金额"}
	RefundPart        = Key{"another amount", "改金额"}
	RefundWhy         = Key{"reason", "原因"}
	RefundVoid        = Key{"void the whole sale", "整笔撤销"}

	StatusDuty = Key{"on duty %s", "当班 %s"}
	KeyDuty    = Key{"sign off", "离岗"}
	KeySignOn  = Key{"sign on", "上岗"}
	KeyChoose  = Key{"choose", "选择"}
)

// staffNotices are refusals that are about people, by their code.
var staffNotices = map[string]Key{
	"operator.required": {"Nobody is on duty: sign on first (F12, operators).", "没有人当班：请先上岗（F12，收银员）。"},
	"operator.limit":    {"This is above what the operator may refund alone: a supervisor's PIN is needed.", "超过本人的退款限额：需要店长授权。"},
	"operator.pin":      {"Wrong PIN.", "密码错误。"},
	"operator.locked":   {"Too many wrong PINs: locked for a while.", "密码错误太多，暂时锁定。"},
	"operator.expired": {
		"The list of operators is too old: connect the till. Selling goes on; signing on and refunds do not.",
		"收银员名单已过期：请联网。可以继续收款，不能上岗和退款。"},
	"operator.roster": {
		"The list of operators on this till was changed: connect the till, and call support. Selling goes on.",
		"本机的收银员名单被改动过：请联网并联系技术支持。可以继续收款。"},
	"operator.unknown":  {"This till does not know this operator any more.", "本机已没有这位收银员。"},
	"operator.role":     {"Only a supervisor approves a refund.", "只有店长可以授权退款。"},
	"operator.busy":     {"Too many PINs at once: try again in a moment.", "同时输入的密码太多，请稍后再试。"},
	"operator.pin_form": {"A PIN has 4 to 8 digits.", "密码是 4 到 8 位数字。"},
	"sale.other_till":   {"This till did not sell it: refund it on the till that did. Nothing went back.", "不是本收银台收的：请到原收银台退款。没有退款。"},
	"void.day":          {"A sale is voided on its own day only: refund it.", "只能当天撤销：请用退款。"},
	"void.refunded":     {"Part of it went back already, or is on its way: refund what is left.", "已退过或正在退：请退剩下的金额。"},
}

// Role is what an operator is.
func (l Lang) Role(r localapi.Role) string {
	if r == localapi.RoleSupervisor {
		return l.Say(RoleSupervisor)
	}
	return l.Say(RoleCashier)
}
