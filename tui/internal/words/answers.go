package words

// notices are the scans the agent did not use, by localapi.Notice's kind; some have the code of the
// error that a request with the same code gets.
var notices = map[string]Key{
	"product": {
		"This is a product barcode, not a payment code. Scan the code in the customer's wallet.",
		"这是商品条码，不是付款码。请扫顾客手机上的付款码。"},
	"link": {
		"This is a link or a collection code. Ask the customer to open the payment code.",
		"这是网址或收款码，不是付款码。请顾客打开付款码。"},
	"stuck": {
		"The scanner reads the same code over and over. Take the code away, or free its trigger.",
		"扫码枪一直在读同一个码。请拿开，或松开扳机。"},
	"code.emv": {
		"UnionPay's long code is not taken here. Ask for its code of 19 digits, or for another wallet.",
		"这里不收银联的长码。请顾客出示 19 位的付款码，或换一种钱包。"},
	"unreadable": {"The code was read badly. Ask for a brighter screen and scan again.", "没有读清楚。请让顾客调亮屏幕，再扫一次。"},
	"duplicate":  {"The same code was scanned twice. It is charged only once.", "同一个付款码扫了两次，只收一次款。"},
	"no_sale":    {"No sale waits. Enter the amount first, then scan.", "没有待收款。请先输入金额，再扫码。"},
	"like_unknown": {
		"Not charged: a sale of the same amount is not settled. For another customer press Esc and start again.",
		"另有一笔同样金额结果未知，没有收款。如果是另一位顾客：按 Esc 取消，再重新收款。"},

	"sale.like_unknown": {
		"Not charged: a sale of the same amount is not settled. For another customer press Esc and start again.",
		"另有一笔同样金额结果未知，没有收款。如果是另一位顾客：按 Esc 取消，再重新收款。"},
	"sale.qr_offline": {"No network: no code can be shown, and nothing was begun. Take cash.", "没有网络：不能显示收款码，什么也没有开始。请收现金。"},
	"sale.qr_open":    {"This order shows another wallet's code. Stop that first with Esc.", "这个订单正在显示另一个钱包的收款码。请先按 Esc 取消。"},
	"qr_waits": {
		"The scanned code grew too old and was not used; the shown one is not proven unpaid. Wait for NOT PAID, then scan a fresh one.",
		"付款码等得太久没有使用，收款码还没有证实没付。先不要再收；显示未收款后，再扫新的付款码。"},
	"qr_rescan": {
		"The shown code is void; the scanned one grew too old and was not used. Ask for a fresh one and charge again.",
		"收款码已作废，扫到的付款码等得太久没有使用。请顾客刷新付款码，再收一次。"},

	"offline.no_policy": {"No network: this till may take nothing offline. Take cash.", "没有网络：本机没有获准离线受理，请收现金。"},
	"offline.expired": {
		"No network: the offline limits have expired. Take cash, wait for the link.",
		"没有网络：离线额度已过期，请收现金，等网络恢复。"},
	"offline.per_sale": {"No network: this is above the offline limit of one sale. Take cash.", "没有网络：这笔超过离线单笔限额，请收现金。"},
	"offline.count": {
		"No network: no more offline sales may wait. Take cash, wait for the link.",
		"没有网络：离线笔数已用完，请收现金，等网络恢复。"},
	"offline.sum": {
		"No network: the offline total does not allow this one. Take cash, wait for the link.",
		"没有网络：离线总额不够这笔，请收现金，等网络恢复。"},
	"offline.age": {
		"No network: the oldest offline sale has waited too long for another. Take cash.",
		"没有网络：最早的离线收款等得太久，不能再受理。请收现金。"},
	"storedvalue.form":      {"The stored-value code was not read whole. Scan it again.", "储值码没有读完整。请再扫一次。"},
	"storedvalue.signature": {"This is none of our stored-value codes: do not take it.", "这不是本系统的储值码，不要收。"},
	"storedvalue.secret":    {"This stored-value code was changed: do not take it. Ask for a fresh one.", "储值码被改动过，不要收。请顾客刷新。"},
	"storedvalue.claim":     {"This is no customer's code. Ask for the stored-value code in the app.", "这不是顾客的储值码。请顾客打开储值码。"},
	"storedvalue.merchant":  {"This stored-value code is another merchant's and is not taken here.", "这是别家商户的储值码，这里不能用。"},
	"storedvalue.too_much":  {"The amount is above what this code pays. Ask for another way to pay.", "金额超过这个储值码的上限，请换一种付款方式。"},
	"storedvalue.not_yet":   {"This stored-value code is not valid yet. Look at the till's clock.", "储值码还没有生效。请检查收银机的时钟。"},
	"storedvalue.expired":   {"This stored-value code has expired. Ask for a fresh one.", "储值码已过期。请顾客刷新。"},
}

// refunds say how a refund stands, by localapi.Refund's code: the till's own words, then the hub's.
var refunds = map[string]Key{
	"refund_queued":   {"queued, not refunded yet: it is sent when the hub can be reached", "已排队，还没有退款，连上中心后发出"},
	"refund_pending":  {"the hub has it, not refunded yet", "中心已收到，正在办理，还没有退款"},
	"refunded":        {"refunded to the customer's wallet", "已退回顾客的钱包"},
	"refund_failed":   {"refused, nothing went back", "被拒绝，没有退款"},
	"refunded_cash":   {"given back in cash", "已退现金"},
	"refunded_other":  {"given back by other means", "已用其他方式退还"},
	"refund.not_paid": {"refused: the hub has no such paid sale, nothing went back", "被拒绝：中心没有这笔收款成功的记录，没有退款"},
	"refund.too_much": {"refused: more than can be refunded, nothing went back", "被拒绝：超过可退金额，没有退款"},
	"refund.window_over": {
		"refused: the wallet's time for refunds is over, nothing went back; give it back in another way",
		"被拒绝：超过钱包的退款期限，没有退款，请用其他方式退还"},
	"refund.too_many_parts": {
		"refused: the wallet takes no further refund of this sale, nothing went back; give it back in another way",
		"被拒绝：这一笔的退款次数已满，没有退款，请用其他方式退还"},
	"refund.other_terminal": {"refused: it was sold on another till, nothing went back", "被拒绝：不是本收银台收的，没有退款"},
	"refund.not_offered":    {"refused: this way of payment gives nothing back; pay it out in cash", "被拒绝：这种付款不能退回钱包，请退现金"},
	"merchant_balance_low": {
		"refused: the shop's own account is too low, nothing went back; fill it up, then refund anew",
		"被拒绝：商户账户余额不足，没有退款，充值后再退"},
	"refund_too_late": {
		"refused: the wallet's time for refunds is over, nothing went back; give it back in another way",
		"被拒绝：超过钱包的退款期限，没有退款，请用其他方式退还"},
	"customer_account": {
		"refused: the customer's account cannot take money, nothing went back; give it back in another way",
		"被拒绝：顾客的账户不能收款，没有退款，请用其他方式退还"},
	"misconfigured": {"the shop's set-up is at fault, nothing went back; call support", "商户设置有误，没有退款，请联系技术支持"},
	"refused":       {"the wallet refused, nothing went back", "钱包拒绝了，没有退款"},
}

// reasons are the stable words of a sale's Reason: the hub's declines, then the till's own.
var reasons = map[string]reason{
	"balance_low": {
		Key{"Not enough money", "余额不足"},
		Key{"Ask the customer for another card or wallet.", "请顾客换一张卡或换一个钱包付款。"}},
	"code_expired": {
		Key{"The payment code has expired", "付款码已过期"},
		Key{"Ask the customer to refresh the code and scan again.", "请顾客刷新付款码，再收一次。"}},
	"code_used": {
		Key{"The payment code was used already or is not valid", "付款码已用过或无效"},
		Key{"Ask the customer to refresh the code and scan again.", "请顾客刷新付款码，再收一次。"}},
	"customer_refused": {
		Key{"The customer cancelled or failed the password", "顾客取消了付款或密码错误"},
		Key{"Ask the customer, then try again or take cash.", "问一下顾客，再收一次或改收现金。"}},
	"limit_exceeded": {
		Key{"Above the customer's own limit", "超出顾客的支付限额"},
		Key{"Ask the customer for another card or wallet.", "请顾客换一张卡或换一个钱包付款。"}},
	"risk_refused": {
		Key{"The wallet's risk control said no", "钱包的风险控制拒绝了这笔付款"},
		Key{"Ask for another way to pay.", "请顾客换一种付款方式。"}},
	"misconfigured": {
		Key{"The shop's set-up is at fault: the wallet refused the request", "商户设置有误，钱包拒绝了请求"},
		Key{"Take cash for now and call support.", "暂时收现金，并联系技术支持。"}},
	"refused": {
		Key{"The wallet refused this payment", "钱包拒绝了这笔付款"},
		Key{"Ask for another way to pay.", "请顾客换一种付款方式。"}},
	"link_down": {
		Key{"No network until the code grew too old: it was not sent", "网络中断，付款码过时前没有发出"},
		Key{"Nothing was charged. Take cash, or scan again when the link is back.", "没有扣款。请收现金，或等网络恢复后重新扫码。"}},
	"lapsed": {
		Key{"The network was down and the code grew too old: it never reached a wallet", "网络中断，付款码已过时，没有送到钱包"},
		Key{"Nothing was charged. Scan again or take cash.", "没有扣款。可以重新扫码或收现金。"}},
	"cancelled": {
		Key{"Stopped by the cashier before anything was sent", "收银员取消，没有发出"},
		Key{"Nothing was charged. You may start again.", "没有扣款。可以重新收款。"}},
	"not_arrived": {
		Key{"The charge never arrived: nothing was charged", "请求没有送到，没有扣款"},
		Key{"Ask the customer to refresh the code and scan again.", "请顾客刷新付款码，重新扫码。"}},
	"never_charged": {
		Key{"The wallet never took the charge", "钱包没有收下这笔付款"},
		Key{"Nothing was charged. Scan a fresh code.", "没有扣款。请顾客刷新付款码，重新扫码。"}},
	"declined": {
		Key{"The wallet refused this payment", "钱包拒绝了这笔付款"},
		Key{"Ask for another way to pay.", "请顾客换一种付款方式。"}},
	"fenced": {
		Key{"Stopped before it reached a wallet", "没有送到钱包，已被拦下"},
		Key{"Nothing was charged. You may scan again.", "没有扣款。可以重新扫码。"}},
	"reversed": {
		Key{"Undone: nothing was charged, or all of it went back", "已撤销，没有扣款或已全部退回"},
		Key{"Do not hand over. If the phone shows a payment, the money goes back by itself.", "不要交货。顾客若看到已付款，钱会自动退回。"}},
	"deferred_refused": {
		Key{"Accepted offline and not collected", "离线受理后没有收到款"},
		Key{"The goods are gone: the shop bears it. Tell the manager.", "货已交出，损失由本店承担。请告诉店长。"}},
	"qr_not_shown": {
		Key{"The network was down: no code was shown", "网络中断，收款码没有显示"},
		Key{"Nothing was charged. Take cash, or try again when the link is back.", "没有扣款。请收现金，或等网络恢复后再试。"}},
	"qr_not_arrived": {
		Key{"The request never arrived: no code was shown", "请求没有送到，收款码没有显示"},
		Key{"Nothing was charged. Show a code again, or scan the customer's.", "没有扣款。可以再显示一次，或扫顾客的付款码。"}},
	"qr_unpaid": {
		Key{"Nobody paid the code in its time", "顾客没有在时限内付款"},
		Key{"Nothing was charged. Show a code again, or scan the customer's.", "没有扣款。可以再显示一次，或扫顾客的付款码。"}},
	"order_paid": {
		Key{"The order was paid otherwise", "这个订单已用别的方式付款"},
		Key{"Tell the manager: were the goods handed over twice?", "请告诉店长，核对是否交了两次货。"}},
}
