package words

// Key is a sentence of the screen, in every language it speaks.
type Key struct{ en, zh string }

// The sentences.
var (
	AppName     = Key{"Cloud Cashier", "云收银"}
	TooSmall    = Key{"The window is too small: it needs %dx%d.", "窗口太小，至少需要 %dx%d。"}
	TooSmallNow = Key{"It is %dx%d now. Please enlarge it.", "现在是 %dx%d，请放大窗口。"}

	LabelAmount     = Key{"AMOUNT (yuan)", "收款金额（元）"}
	HintEnterAmount = Key{"Type the amount, press Enter, then scan.", "输入金额，按 Enter，然后扫付款码。"}
	Armed           = Key{"%s code read. Enter the amount: %d s left", "已读%s付款码，请输入金额：剩 %d 秒"}
	ArmedGone       = Key{"The code grew too old and was dropped. Scan it again.", "付款码已过时，已丢弃。请重新扫码。"}
	AmountBad       = Key{"This is no amount: write it as 12.80, at least 0.01.", "金额不对：请写成 12.80，最少 0.01。"}
	AmountTooLarge  = Key{"The amount is too large: at most %s.", "金额太大：最多 %s。"}
	Starting        = Key{"Starting...", "正在开始..."}
	Stopping        = Key{"Stopping...", "正在取消..."}

	Waiting        = Key{"SCAN the customer's payment code", "请扫顾客的付款码"}
	WaitingHint    = Key{"Nothing was sent yet. Esc stops it.", "还没有发出任何请求，按 Esc 可以取消。"}
	Sending        = Key{"Sending", "正在发送"}
	Accepted       = Key{"Accepted, asking the wallet", "已受理，正在询问钱包"}
	Password       = Key{"The customer is typing the password", "顾客正在输入密码"}
	Elapsed        = Key{"waited %s", "已等待 %s"}
	TakingLong     = Key{"This takes long: keep waiting, or stop it safely with Esc.", "等得太久了：可以继续等，或按 Esc 安全取消。"}
	WaitingForLink = Key{"No network: it is sent when the link is back, or lapses with the code.", "没有网络：恢复后马上发送，否则付款码过时就作废。"}
	LapsesIn       = Key{"The code lapses in %s", "付款码还有 %s 作废"}

	AskingCode  = Key{"Asking for the code", "正在取收款码"}
	TitleShown  = Key{"SCAN TO PAY %s  %s  %s", "请顾客扫码付款 %s  %s  %s"}
	TitleHidden = Key{"CODE NOT SHOWN", "收款码没有显示"}
	CodeHidden  = Key{
		"No network: the code is hidden. The customer may have paid; the result appears by itself.",
		"没有网络：收款码已隐藏。顾客可能已经付款，结果会自动显示。"}
	CodeOver = Key{
		"The code's time is over. The hub is being asked; the result appears by itself.",
		"收款码已到时限。正在向中心查询，结果会自动显示。"}
	CodeTooBig = Key{
		"The window is too small for the code: %dx%d at least. Enlarge it, or have the customer open:",
		"窗口太小，放不下收款码：至少 %dx%d。请放大窗口，或请顾客打开："}
	ChooseTitle = Key{"Show a code for %s", "显示收款码 %s"}
	ChooseBody  = Key{"Whose code will the customer scan?", "顾客用哪个钱包扫码？"}
	ChooseNo    = Key{"none", "不显示"}

	TitleDeferred     = Key{"ACCEPTED OFFLINE", "已离线受理"}
	DeferredHint      = Key{"You may hand over.", "可以交货。"}
	DeferredNext      = Key{"The hub collects it when the link is back. Enter: next customer.", "网络恢复后系统自动收款。按 Enter 接待下一位。"}
	DeferredLeft      = Key{"Left offline: %d sales, %s", "离线还可受理：%d 笔，%s"}
	TitleNotCollected = Key{"NOT COLLECTED", "没有收到款"}

	TitlePaid       = Key{"PAID", "收款成功"}
	TitleNotPaid    = Key{"NOT PAID", "未收款"}
	TitleUnknown    = Key{"UNKNOWN", "结果未知"}
	TitleCancelling = Key{"BEING UNDONE, UNKNOWN", "正在撤销，结果未知"}
	PaidHint        = Key{"You may hand over.", "可以交货。"}
	UnknownWhy      = Key{"Do not charge again, do not hand over.", "请勿重复收款，请让顾客稍候。"}
	UnknownNext     = Key{
		"The hub is asking. Enter: next customer; the result appears by itself.",
		"先不要交货，系统正在查询。按 Enter 可先接待下一位，结果会自动显示。"}
	CancellingWhy  = Key{"Do not charge again, do not hand over.", "请勿重复收款，不要交货。"}
	CancellingNext = Key{
		"If the phone shows a payment, the money goes back by itself. Enter: next customer.",
		"顾客若看到已付款，钱会自动退回。按 Enter 可先接待下一位。"}
	AwayWhy   = Key{"Do not charge again: no answer, the result is not known.", "请勿重复收款：没有应答，结果还不知道。"}
	AwayNext  = Key{"Do not hand over. The result comes when the agent is back.", "先不要交货。收银程序恢复后，结果会自动显示。"}
	AwayShort = Key{"the agent does not answer.", "收银程序没有应答。"}
	UnsureWhy = Key{
		"Do not charge another way: the agent may or may not have taken this sale.",
		"请勿另外收款：不知道收银程序是否已收到这一笔。"}
	UnsureNext    = Key{"Enter asks again with the same number; it cannot be charged twice.", "按 Enter 再问一次：用同一个单号，不会收两次。"}
	NextScanAgain = Key{"Nothing was charged. You may start again.", "没有扣款。可以重新收款。"}
	EarlierSale   = Key{"Earlier sale of %s", "之前 %s 的一笔"}
	PaidAt        = Key{"%s  %s", "%s  %s"}
	OrderNo       = Key{"order %s", "单号 %s"}
	WalletNumber  = Key{"wallet no. %s", "钱包单号 %s"}

	WordPaid       = Key{"paid", "已收款"}
	WordNotPaid    = Key{"not paid", "未收款"}
	WordUnknown    = Key{"unknown", "未知"}
	WordWaiting    = Key{"waiting", "待扫码"}
	WordRunning    = Key{"running", "进行中"}
	WordRefunding  = Key{"refund", "退款中"}
	WordRefunded   = Key{"refunded", "已退款"}
	WalletWeChat   = Key{"WeChat", "微信"}
	WalletAlipay   = Key{"Alipay", "支付宝"}
	WordDeferred   = Key{"offline", "离线受理"}
	WalletUnionPay = Key{"UnionPay", "云闪付"}
	WalletStored   = Key{"Stored value", "储值码"}
	TenderCash     = Key{"Cash", "现金"}

	ListTitle    = Key{"LAST SALES", "最近收款"}
	ListEmpty    = Key{"No sales yet.", "还没有收款记录。"}
	ListOnlyHere = Key{"Only the last %d sales of this till.", "只有本收银台的最近 %d 笔。"}
	BackOpen     = Key{"not refunded yet: %s", "还没有退：%s"}
	BackDone     = Key{"refunded %s", "已退 %s"}
	RefundOf     = Key{"Refund of %s: %s.", "退款 %s：%s。"}
	RefundAsking = Key{"Asking for the refund...", "正在申请退款..."}

	AgentConnecting = Key{"Connecting to the agent...", "正在连接收银程序..."}
	AgentAway       = Key{"! The agent is not running (since %s): %s", "! 收银程序没有运行（自 %s）：%s"}
	AgentRestart    = Key{"start cashier-agent run", "请运行 cashier-agent run"}
	LinkDownBanner  = Key{"! OFFLINE since %s: no scan-to-pay, take cash.", "! 离线（自 %s）：不能扫码收款，请收现金。"}
	OfflineBanner   = Key{
		"Stored-value codes are taken offline: %s a sale; left %d sales, %s; until %s",
		"离线可收储值码：每笔最多 %s；还可收 %d 笔，%s；%s 前有效"}
	ParkedOne  = Key{"? 1 sale not settled, %s: do not charge again, do not hand over", "? 有 1 笔未结清 %s：请勿重复收款，不要交货"}
	ParkedMany = Key{
		"? %d sales not settled, last %s: do not charge again, do not hand over",
		"? 有 %d 笔未结清，最近 %s：请勿重复收款，不要交货"}
	LateSettled = Key{"An earlier sale is settled: %s %s", "之前的一笔有结果了：%s %s"}

	NoticeScanBusy     = Key{"Busy: this scan was not used.", "正在处理，这次扫码没有使用。"}
	NoticeScanAlready  = Key{"This sale is under way and is charged once. The scan was not used.", "这一笔已在进行，不会重复收款。这次扫码没有使用。"}
	NoticeScanReplaced = Key{"Code read, charging.", "已读码，正在收款。"}
	NoticeSaleWaits    = Key{"Waiting for a scan. To change the amount press Esc first.", "正在等扫码。要改金额，先按 Esc 取消。"}
	NoticeSaleRuns     = Key{"This sale is under way: Esc stops it, %s serves the next customer.", "这一笔正在进行：Esc 取消，%s 先接待下一位。"}
	NoticeCodeShown    = Key{"The code waits: Esc stops it, or scan the customer's own code instead.", "正在等顾客扫码：Esc 取消，或改扫顾客的付款码。"}
	NoticeScanInstead  = Key{
		"Code read. The shown one is stopped first; this one is charged only if that was not paid.",
		"已读码。先撤销收款码，证实没有付款后才收这一个。"}
	NoticeStartFailed = Key{"Not started: %s", "没有开始：%s"}
	NoticeStopFailed  = Key{"Could not stop it, the sale goes on: %s", "取消没有成功，这一笔仍然有效：%s"}
	NoticeStopUnsure  = Key{"No answer to the stop: the screen shows what is known. Try again.", "收银程序没有应答取消：以屏幕上的结果为准，可以再按一次。"}
	NoticeStopBefore  = Key{"The code was not sent: %s Scan again.", "付款码没有发出：%s 请重新扫码。"}
	NoticeNotStarted  = Key{
		"The agent is not running: not started. Press Enter again when it is back.",
		"收银程序没有运行，没有开始。恢复后按 Enter 再试。"}
	NoticeConsoleEnglish = Key{"This terminal cannot show Chinese.", "这个终端不能显示中文。"}
	NoticeAnswerFirst    = Key{"Answer the question on the screen first. The scan was not used.", "请先回答屏幕上的问题，这次扫码没有使用。"}
	NoticeRefundUnpaid   = Key{"Only what is paid can be refunded.", "只有已收款的才能退款。"}
	NoticeRefundNothing  = Key{"Nothing is left to refund: it went back, or is on its way.", "没有可退的金额：已经退了，或正在退。"}
	NoticeRefundFailed   = Key{"Not refunded: %s", "没有退款：%s"}
	NoticeRefundNotSent  = Key{
		"The agent is not running: no refund was asked for. Try again when it is back.",
		"收银程序没有运行，没有申请退款。恢复后再试。"}
	NoticeRefundUnsure = Key{
		"No answer: the refund may have been asked for. %s asks again with the same number; it cannot go back twice.",
		"没有应答：可能已经申请退款。按 %s 用同一个单号再问，不会退两次。"}
	NoticePrinting    = Key{"Sent to the printer.", "已送打印机。"}
	NoticePrintUnpaid = Key{"Only what is paid has a receipt.", "只有已付款的才有小票。"}
	NoticePrintFailed = Key{"Not printed: %s", "没有打印：%s"}
	NoticeSendNow     = Key{"Sending now what the hub does not have.", "正在上传中心还没有的记录。"}
	NoticeSendLater   = Key{"No network: it is sent as soon as the link is back.", "没有网络：恢复后马上上传。"}

	ConfirmStopTitle = Key{"Stop the sale of %s?", "取消 %s 这一笔？"}
	ConfirmStopBody  = Key{
		"It may have been sent already. It will be undone; until that is proven, do not charge again and do not hand over.",
		"请求可能已经发出。系统会撤销它；在证实之前，请勿重复收款，也不要交货。"}
	ConfirmStopYes   = Key{"stop it", "取消这一笔"}
	ConfirmStopNo    = Key{"keep waiting", "继续等"}
	ConfirmLikeTitle = Key{"Another sale of %s is not settled", "另有一笔 %s 结果未知"}
	ConfirmLikeBody  = Key{
		"Is it the same customer? Then do not charge again: the result comes by itself. Only for another customer press y.",
		"是同一位顾客吗？如果是，请勿再收，结果会自动显示。只有另一位顾客才按 y。"}
	ConfirmLikeYes     = Key{"another customer", "是另一位顾客"}
	ConfirmLikeNo      = Key{"do not charge", "不收款"}
	ConfirmRefundTitle = Key{"Refund %s (sale of %s)?", "退款 %s（%s 的一笔）？"}
	ConfirmRefundBody  = Key{
		"The hub sends it back to the customer's wallet. It is refunded when the screen says so, not before.",
		"由中心退回顾客的钱包。以屏幕显示已退款为准。"}
	ConfirmRefundOffline = Key{
		"There is no network: the refund is queued and nothing goes back yet. Do not pay it out in cash as well.",
		"没有网络：退款先排队，现在还没有退。请勿另外退现金。"}
	ConfirmRefundByHand = Key{"Give the money back by hand now. It is written down as given back at once.", "请现在把钱退给顾客，马上记为已退。"}
	ConfirmRefundNo     = Key{"do not refund", "不退"}
	ConfirmQuitTitle    = Key{"Leave the cashier's screen?", "退出收银屏？"}
	ConfirmQuitBody     = Key{"The agent goes on working and nothing is lost.", "收银程序会继续工作，记录不会丢失。"}
	ConfirmQuitOpen     = Key{
		"Mind: there are sales not settled. This screen shows them again when it is opened.",
		"注意：还有未结清的收款。重新打开本屏会继续显示。"}
	ConfirmQuitYes = Key{"leave", "退出"}
	ConfirmQuitNo  = Key{"stay", "留下"}

	KeyStart        = Key{"start", "开始"}
	KeyShow         = Key{"show a code", "显示收款码"}
	KeyClear        = Key{"clear", "清除"}
	KeyStop         = Key{"stop", "取消"}
	KeyNextCustomer = Key{"next customer", "下一位"}
	KeyNext         = Key{"next", "下一笔"}
	KeyAskAgain     = Key{"ask again", "再问"}
	KeyGiveUp       = Key{"leave it", "放弃"}
	KeyUndo         = Key{"undo", "撤销"}
	KeyAgain        = Key{"same amount again", "同额再收"}
	KeyLanguage     = Key{"中文", "English"}
	KeyMenu         = Key{"staff", "店员"}
	KeySales        = Key{"sales", "记录"}
	KeyRefund       = Key{"refund", "退款"}
	KeyReprint      = Key{"receipt", "打小票"}
	KeySendNow      = Key{"send now", "马上传"}
	KeyBack         = Key{"back", "返回"}
	KeyQuit         = Key{"quit", "退出"}

	StatusLinkUp         = Key{"link up since %s", "在线（自 %s）"}
	StatusLinkDown       = Key{"! link DOWN since %s", "! 离线（自 %s）"}
	StatusLinkUnknown    = Key{"? link not known", "? 连接状态未知"}
	StatusQueue          = Key{"queue %d", "待传 %d"}
	StatusOldest         = Key{"oldest %s", "最久 %s"}
	StatusPending        = Key{"not settled %d, %s", "未结清 %d 笔 %s"}
	StatusDeferred       = Key{"offline %d, %s", "离线受理 %d 笔 %s"}
	StatusRefunds        = Key{"refunds queued %d of %d, %s", "退款待传 %d 共 %d 笔 %s"}
	StatusLapses         = Key{"code lapses in %s", "付款码 %s 后作废"}
	StatusScannerOK      = Key{"scanner ok", "扫码枪正常"}
	StatusScannerGone    = Key{"! scanner not connected", "! 扫码枪未连接"}
	StatusScannerNone    = Key{"no serial scanner", "未设串口扫码枪"}
	StatusPrinter        = Key{"printer ok", "打印机正常"}
	StatusPrinterAbsent  = Key{"! printer not connected, %d wait", "! 打印机未连接，待打 %d"}
	StatusPrinterPaper   = Key{"! printer out of paper, %d wait", "! 打印机缺纸，待打 %d"}
	StatusPrinterCover   = Key{"! printer cover open, %d wait", "! 打印机盖未关，待打 %d"}
	StatusPrinterError   = Key{"! printer fault, %d wait", "! 打印机故障，待打 %d"}
	StatusPrinterNearEnd = Key{"! paper nearly out", "! 纸快用完"}
	StatusClockBehind    = Key{"! clock %s s behind", "! 时钟慢 %s 秒"}
	StatusClockAhead     = Key{"! clock %s s ahead", "! 时钟快 %s 秒"}
	StatusTerminal       = Key{"till %s", "终端 %s"}
	StatusVersion        = Key{"version %s", "版本 %s"}
)
