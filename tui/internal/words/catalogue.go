package words

// Key names a sentence of the screen.
type Key int

// The sentences. lastKey counts them for the test that both languages say each.
const (
	AppName Key = iota
	TooSmall
	TooSmallNow

	LabelAmount
	HintEnterAmount
	Armed
	ArmedGone
	AmountBad
	AmountTooLarge
	Starting
	Stopping

	Waiting
	WaitingHint
	Sending
	Accepted
	Password
	Elapsed
	TakingLong
	WaitingForLink
	LapsesIn

	AskingCode
	TitleShown
	TitleHidden
	CodeHidden
	CodeOver
	CodeTooBig
	ChooseTitle
	ChooseBody
	ChooseNo

	TitleDeferred
	DeferredHint
	DeferredNext
	DeferredLeft
	TitleNotCollected

	TitlePaid
	TitleNotPaid
	TitleUnknown
	TitleCancelling
	PaidHint
	UnknownWhy
	UnknownNext
	CancellingWhy
	CancellingNext
	AwayWhy
	AwayNext
	AwayShort
	UnsureWhy
	UnsureNext
	NextScanAgain
	EarlierSale
	PaidAt
	OrderNo
	WalletNumber

	WordPaid
	WordNotPaid
	WordUnknown
	WordWaiting
	WordRunning
	WordRefunding
	WordRefunded
	WalletWeChat
	WalletAlipay
	WordDeferred
	WalletUnionPay
	WalletStored
	TenderCash

	ListTitle
	ListEmpty
	ListOnlyHere
	BackOpen
	BackDone
	RefundOf
	RefundAsking

	AgentConnecting
	AgentAway
	AgentRestart
	LinkDownBanner
	OfflineBanner
	ParkedOne
	ParkedMany
	LateSettled

	NoticeScanBusy
	NoticeScanAlready
	NoticeScanReplaced
	NoticeSaleWaits
	NoticeSaleRuns
	NoticeCodeShown
	NoticeScanInstead
	NoticeStartFailed
	NoticeStopFailed
	NoticeStopUnsure
	NoticeStopBefore
	NoticeNotStarted
	NoticeConsoleEnglish
	NoticeAnswerFirst
	NoticeRefundUnpaid
	NoticeRefundNothing
	NoticeRefundFailed
	NoticeRefundNotSent
	NoticeRefundUnsure
	NoticePrinting
	NoticePrintUnpaid
	NoticePrintFailed
	NoticeSendNow
	NoticeSendLater

	ConfirmStopTitle
	ConfirmStopBody
	ConfirmStopYes
	ConfirmStopNo
	ConfirmLikeTitle
	ConfirmLikeBody
	ConfirmLikeYes
	ConfirmLikeNo
	ConfirmRefundTitle
	ConfirmRefundBody
	ConfirmRefundOffline
	ConfirmRefundByHand
	ConfirmRefundYes
	ConfirmRefundNo
	ConfirmQuitTitle
	ConfirmQuitBody
	ConfirmQuitOpen
	ConfirmQuitYes
	ConfirmQuitNo

	KeyStart
	KeyShow
	KeyClear
	KeyStop
	KeyNextCustomer
	KeyNext
	KeyAskAgain
	KeyGiveUp
	KeyUndo
	KeyAgain
	KeyLanguage
	KeySales
	KeyRefund
	KeyReprint
	KeySendNow
	KeyBack
	KeyQuit

	StatusLinkUp
	StatusLinkDown
	StatusLinkUnknown
	StatusQueue
	StatusOldest
	StatusPending
	StatusDeferred
	StatusRefunds
	StatusLapses
	StatusScannerOK
	StatusScannerGone
	StatusScannerNone
	StatusPrinter
	StatusPrinterAbsent
	StatusPrinterPaper
	StatusPrinterCover
	StatusPrinterError
	StatusPrinterNearEnd
	StatusClockBehind
	StatusClockAhead
	StatusTerminal
	StatusVersion

	lastKey
)

var catalogue = map[Lang]map[Key]string{ZH: chinese, EN: english}

// notices are the scans the agent did not use, by localapi.Notice's kind; some have the code of the
// error that a request with the same code gets.
var notices = map[Lang]map[string]string{
	ZH: {
		"product":      "这是商品条码，不是付款码。请扫顾客手机上的付款码。",
		"link":         "这是网址或收款码，不是付款码。请顾客打开付款码。",
		"unreadable":   "没有读清楚。请让顾客调亮屏幕，再扫一次。",
		"duplicate":    "同一个付款码扫了两次，只收一次款。",
		"no_sale":      "没有待收款。请先输入金额，再扫码。",
		"like_unknown": "另有一笔同样金额结果未知，没有收款。如果是另一位顾客：按 Esc 取消，再重新收款。",

		"sale.like_unknown": "另有一笔同样金额结果未知，没有收款。如果是另一位顾客：按 Esc 取消，再重新收款。",
		"sale.qr_offline":   "没有网络：不能显示收款码，什么也没有开始。请收现金。",
		"sale.qr_open":      "这个订单正在显示另一个钱包的收款码。请先按 Esc 取消。",
		"qr_waits":          "付款码等得太久没有使用，收款码还没有证实没付。先不要再收；显示未收款后，再扫新的付款码。",
		"qr_rescan":         "收款码已作废，扫到的付款码等得太久没有使用。请顾客刷新付款码，再收一次。",

		"offline.no_policy":     "没有网络：本机没有获准离线受理，请收现金。",
		"offline.expired":       "没有网络：离线额度已过期，请收现金，等网络恢复。",
		"offline.per_sale":      "没有网络：这笔超过离线单笔限额，请收现金。",
		"offline.count":         "没有网络：离线笔数已用完，请收现金，等网络恢复。",
		"offline.sum":           "没有网络：离线总额不够这笔，请收现金，等网络恢复。",
		"offline.age":           "没有网络：最早的离线收款等得太久，不能再受理。请收现金。",
		"storedvalue.form":      "储值码没有读完整。请再扫一次。",
		"storedvalue.signature": "这不是本系统的储值码，不要收。",
		"storedvalue.secret":    "储值码被改动过，不要收。请顾客刷新。",
		"storedvalue.claim":     "这不是顾客的储值码。请顾客打开储值码。",
		"storedvalue.merchant":  "这是别家商户的储值码，这里不能用。",
		"storedvalue.too_much":  "金额超过这个储值码的上限，请换一种付款方式。",
		"storedvalue.not_yet":   "储值码还没有生效。请检查收银机的时钟。",
		"storedvalue.expired":   "储值码已过期。请顾客刷新。",
	},
	EN: {
		"product":      "This is a product barcode, not a payment code. Scan the code in the customer's wallet.",
		"link":         "This is a link or a collection code. Ask the customer to open the payment code.",
		"unreadable":   "The code was read badly. Ask for a brighter screen and scan again.",
		"duplicate":    "The same code was scanned twice. It is charged only once.",
		"no_sale":      "No sale waits. Enter the amount first, then scan.",
		"like_unknown": "Not charged: a sale of the same amount is not settled. For another customer press Esc and start again.",

		"sale.like_unknown": "Not charged: a sale of the same amount is not settled. For another customer press Esc and start again.",
		"sale.qr_offline":   "No network: no code can be shown, and nothing was begun. Take cash.",
		"sale.qr_open":      "This order shows another wallet's code. Stop that first with Esc.",
		"qr_waits":          "The scanned code grew too old and was not used; the shown one is not proven unpaid. Wait for NOT PAID, then scan a fresh one.",
		"qr_rescan":         "The shown code is void; the scanned one grew too old and was not used. Ask for a fresh one and charge again.",

		"offline.no_policy":     "No network: this till may take nothing offline. Take cash.",
		"offline.expired":       "No network: the offline limits have expired. Take cash, wait for the link.",
		"offline.per_sale":      "No network: this is above the offline limit of one sale. Take cash.",
		"offline.count":         "No network: no more offline sales may wait. Take cash, wait for the link.",
		"offline.sum":           "No network: the offline total does not allow this one. Take cash, wait for the link.",
		"offline.age":           "No network: the oldest offline sale has waited too long for another. Take cash.",
		"storedvalue.form":      "The stored-value code was not read whole. Scan it again.",
		"storedvalue.signature": "This is none of our stored-value codes: do not take it.",
		"storedvalue.secret":    "This stored-value code was changed: do not take it. Ask for a fresh one.",
		"storedvalue.claim":     "This is no customer's code. Ask for the stored-value code in the app.",
		"storedvalue.merchant":  "This stored-value code is another merchant's and is not taken here.",
		"storedvalue.too_much":  "The amount is above what this code pays. Ask for another way to pay.",
		"storedvalue.not_yet":   "This stored-value code is not valid yet. Look at the till's clock.",
		"storedvalue.expired":   "This stored-value code has expired. Ask for a fresh one.",
	},
}

// refunds say how a refund stands, by localapi.Refund's code: the till's own words, then the hub's.
var refunds = map[Lang]map[string]string{
	ZH: {
		"refund_queued":         "已排队，还没有退款，连上中心后发出",
		"refund_pending":        "中心已收到，正在办理，还没有退款",
		"refunded":              "已退回顾客的钱包",
		"refund_failed":         "被拒绝，没有退款",
		"refunded_cash":         "已退现金",
		"refunded_other":        "已用其他方式退还",
		"refund.not_paid":       "被拒绝：中心没有这笔收款成功的记录，没有退款",
		"refund.too_much":       "被拒绝：超过可退金额，没有退款",
		"refund.window_over":    "被拒绝：超过钱包的退款期限，没有退款，请用其他方式退还",
		"refund.too_many_parts": "被拒绝：这一笔的退款次数已满，没有退款，请用其他方式退还",
		"refund.other_terminal": "被拒绝：不是本收银台收的，没有退款",
		"refund.not_offered":    "被拒绝：这种付款不能退回钱包，请退现金",
		"merchant_balance_low":  "被拒绝：商户账户余额不足，没有退款，充值后再退",
		"refund_too_late":       "被拒绝：超过钱包的退款期限，没有退款，请用其他方式退还",
		"customer_account":      "被拒绝：顾客的账户不能收款，没有退款，请用其他方式退还",
		"misconfigured":         "商户设置有误，没有退款，请联系技术支持",
		"refused":               "钱包拒绝了，没有退款",
	},
	EN: {
		"refund_queued":         "queued, not refunded yet: it is sent when the hub can be reached",
		"refund_pending":        "the hub has it, not refunded yet",
		"refunded":              "refunded to the customer's wallet",
		"refund_failed":         "refused, nothing went back",
		"refunded_cash":         "given back in cash",
		"refunded_other":        "given back by other means",
		"refund.not_paid":       "refused: the hub has no such paid sale, nothing went back",
		"refund.too_much":       "refused: more than can be refunded, nothing went back",
		"refund.window_over":    "refused: the wallet's time for refunds is over, nothing went back; give it back in another way",
		"refund.too_many_parts": "refused: the wallet takes no further refund of this sale, nothing went back; give it back in another way",
		"refund.other_terminal": "refused: it was sold on another till, nothing went back",
		"refund.not_offered":    "refused: this way of payment gives nothing back; pay it out in cash",
		"merchant_balance_low":  "refused: the shop's own account is too low, nothing went back; fill it up, then refund anew",
		"refund_too_late":       "refused: the wallet's time for refunds is over, nothing went back; give it back in another way",
		"customer_account":      "refused: the customer's account cannot take money, nothing went back; give it back in another way",
		"misconfigured":         "the shop's set-up is at fault, nothing went back; call support",
		"refused":               "the wallet refused, nothing went back",
	},
}

// reasons are the stable words of a sale's Reason: the hub's declines, then the till's own.
var reasons = map[Lang]map[string]reason{
	ZH: {
		"balance_low":      {"余额不足", "请顾客换一张卡或换一个钱包付款。"},
		"code_expired":     {"付款码已过期", "请顾客刷新付款码，再收一次。"},
		"code_used":        {"付款码已用过或无效", "请顾客刷新付款码，再收一次。"},
		"customer_refused": {"顾客取消了付款或密码错误", "问一下顾客，再收一次或改收现金。"},
		"limit_exceeded":   {"超出顾客的支付限额", "请顾客换一张卡或换一个钱包付款。"},
		"risk_refused":     {"钱包的风险控制拒绝了这笔付款", "请顾客换一种付款方式。"},
		"misconfigured":    {"商户设置有误，钱包拒绝了请求", "暂时收现金，并联系技术支持。"},
		"refused":          {"钱包拒绝了这笔付款", "请顾客换一种付款方式。"},
		"link_down":        {"网络中断，付款码过时前没有发出", "没有扣款。请收现金，或等网络恢复后重新扫码。"},
		"lapsed":           {"网络中断，付款码已过时，没有送到钱包", "没有扣款。可以重新扫码或收现金。"},
		"cancelled":        {"收银员取消，没有发出", "没有扣款。可以重新收款。"},
		"not_arrived":      {"请求没有送到，没有扣款", "请顾客刷新付款码，重新扫码。"},
		"never_charged":    {"钱包没有收下这笔付款", "没有扣款。请顾客刷新付款码，重新扫码。"},
		"declined":         {"钱包拒绝了这笔付款", "请顾客换一种付款方式。"},
		"fenced":           {"没有送到钱包，已被拦下", "没有扣款。可以重新扫码。"},
		"reversed":         {"已撤销，没有扣款或已全部退回", "不要交货。顾客若看到已付款，钱会自动退回。"},
		"deferred_refused": {"离线受理后没有收到款", "货已交出，损失由本店承担。请告诉店长。"},
		"qr_not_shown":     {"网络中断，收款码没有显示", "没有扣款。请收现金，或等网络恢复后再试。"},
		"qr_not_arrived":   {"请求没有送到，收款码没有显示", "没有扣款。可以再显示一次，或扫顾客的付款码。"},
		"qr_unpaid":        {"顾客没有在时限内付款", "没有扣款。可以再显示一次，或扫顾客的付款码。"},
		"order_paid":       {"这个订单已用别的方式付款", "请告诉店长，核对是否交了两次货。"},
	},
	EN: {
		"balance_low":      {"Not enough money", "Ask the customer for another card or wallet."},
		"code_expired":     {"The payment code has expired", "Ask the customer to refresh the code and scan again."},
		"code_used":        {"The payment code was used already or is not valid", "Ask the customer to refresh the code and scan again."},
		"customer_refused": {"The customer cancelled or failed the password", "Ask the customer, then try again or take cash."},
		"limit_exceeded":   {"Above the customer's own limit", "Ask the customer for another card or wallet."},
		"risk_refused":     {"The wallet's risk control said no", "Ask for another way to pay."},
		"misconfigured":    {"The shop's set-up is at fault: the wallet refused the request", "Take cash for now and call support."},
		"refused":          {"The wallet refused this payment", "Ask for another way to pay."},
		"link_down":        {"No network until the code grew too old: it was not sent", "Nothing was charged. Take cash, or scan again when the link is back."},
		"lapsed":           {"The network was down and the code grew too old: it never reached a wallet", "Nothing was charged. Scan again or take cash."},
		"cancelled":        {"Stopped by the cashier before anything was sent", "Nothing was charged. You may start again."},
		"not_arrived":      {"The charge never arrived: nothing was charged", "Ask the customer to refresh the code and scan again."},
		"never_charged":    {"The wallet never took the charge", "Nothing was charged. Scan a fresh code."},
		"declined":         {"The wallet refused this payment", "Ask for another way to pay."},
		"fenced":           {"Stopped before it reached a wallet", "Nothing was charged. You may scan again."},
		"reversed":         {"Undone: nothing was charged, or all of it went back", "Do not hand over. If the phone shows a payment, the money goes back by itself."},
		"deferred_refused": {"Accepted offline and not collected", "The goods are gone: the shop bears it. Tell the manager."},
		"qr_not_shown":     {"The network was down: no code was shown", "Nothing was charged. Take cash, or try again when the link is back."},
		"qr_not_arrived":   {"The request never arrived: no code was shown", "Nothing was charged. Show a code again, or scan the customer's."},
		"qr_unpaid":        {"Nobody paid the code in its time", "Nothing was charged. Show a code again, or scan the customer's."},
		"order_paid":       {"The order was paid otherwise", "Tell the manager: were the goods handed over twice?"},
	},
}
