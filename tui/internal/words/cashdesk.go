package words

// What the cashier's desk says: cash, bills paid in parts, search, receipts, price labels.
var (
	KeyCash    = Key{"cash", "现金"}
	KeyQR      = Key{"QR", "收款码"}
	KeySplit   = Key{"split", "分单"}
	KeySearch  = Key{"search", "查找"}
	KeyDetails = Key{"details", "详情"}
	KeyExact   = Key{"exact", "刚好"}
	KeyRest    = Key{"the rest", "收剩余"}
	KeyLeave   = Key{"leave", "离开"}

	CashTitle    = Key{"CASH %s", "现金 %s"}
	CashReceived = Key{"Received (yuan): type it, or Enter for exactly %s.", "实收金额（元）：请输入，刚好 %s 就按 Enter。"}
	CashChange   = Key{"change %s", "找零 %s"}
	CashTooLow   = Key{"%s is missing.", "还差 %s。"}
	TitleCash    = Key{"PAID %s  received %s", "收款成功 %s  实收 %s"}
	LabelChange  = Key{"CHANGE", "找零"}
	CashAgain    = Key{"Cash, received %s: Enter asks again.", "现金实收 %s：按 Enter 再试。"}

	LabelPart     = Key{"PART (yuan)", "本次金额（元）"}
	BillStands    = Key{"BILL %s  paid %s  LEFT %s", "账单 %s  已付 %s  还差 %s"}
	BillOpen      = Key{"? not settled %s: its place is kept", "? 未结清 %s：暂时占用"}
	BillDone      = Key{"The bill of %s is paid in full.", "账单 %s 已付清。"}
	HintEnterPart = Key{
		"Type the part, then Enter and scan, or + for cash. Enter alone: all that is left.",
		"输入本次金额，按 Enter 扫码，或按 + 收现金。直接按 Enter：收剩余。"}
	BillNothingLeft = Key{"Nothing is left to pay now: a part is not settled.", "现在没有可收的金额：有一部分未结清。"}
	BillTooMuch     = Key{"Only %s is left of the bill.", "账单只剩 %s。"}
	BillNoAmount    = Key{"Type the bill's total first, then *.", "请先输入账单合计，再按 *。"}
	BillRuns        = Key{"A bill is being paid in parts. Esc leaves it.", "正在分单收款。按 Esc 离开。"}
	BillLeaveTitle  = Key{"Leave the bill of %s?", "离开账单 %s？"}
	BillLeaveBody   = Key{
		"%s is paid (parts: %d). Refund that, or keep it as paid sales?",
		"已付 %s，共 %d 笔。退掉，还是保留为已收款？"}
	BillLeaveOpen  = Key{"%s of it is not settled yet: do not charge it again.", "其中 %s 未结清：请勿重复收款。"}
	BillRefundAll  = Key{"refund the paid parts", "退掉已付的部分"}
	BillKeep       = Key{"keep them and leave", "保留并离开"}
	BillGoOn       = Key{"go on with the bill", "继续收款"}
	BillRefunding  = Key{"Asking for the refunds of the parts...", "正在申请退掉各部分..."}
	BillRefunded   = Key{"The refund of %d parts was asked for. Cash goes back by hand now.", "已申请退掉 %d 笔。现金请现在退给顾客。"}
	BillRefundFail = Key{"Not all parts were refunded: %s Esc tries again; F3 shows each.", "没有全部退掉：%s 按 Esc 再试；F3 查看每一笔。"}
	BillFoundTitle = Key{"Unfinished bill of %s", "账单 %s 没有付完"}
	BillFoundBody  = Key{"Paid %s, left %s. Go on with it?", "已付 %s，还差 %s。继续收款吗？"}
	BillFoundYes   = Key{"go on", "继续"}
	BillFoundNo    = Key{"not now", "以后再说"}

	SearchTitle = Key{"SEARCH", "查找"}
	SearchBody  = Key{
		"Order number or its beginning, last four of the order or wallet number, amount (12.80), receipt number.",
		"单号或开头、单号或钱包单号后四位、金额（12.80）、小票号。"}
	SearchFound  = Key{"FOUND: %s", "查找结果：%s"}
	SearchAsking = Key{"Searching...", "正在查找..."}
	SearchNone   = Key{"No sale of this till has that.", "本收银台没有这样的收款。"}
	SearchMore   = Key{"Only the newest %d.", "只显示最近 %d 笔。"}
	SearchFailed = Key{"Not searched: %s", "没有查找：%s"}

	DetailTitle    = Key{"SALE", "收款详情"}
	DetailLoading  = Key{"Looking it up...", "正在读取..."}
	DetailOrder    = Key{"Order %s", "单号 %s"}
	DetailReceipt  = Key{"Receipt no. %08d", "小票号 %08d"}
	DetailWallet   = Key{"Wallet no. %s", "钱包单号 %s"}
	DetailCash     = Key{"Received %s, change %s", "实收 %s，找零 %s"}
	DetailBill     = Key{"Part of bill %s over %s", "账单 %s（合计 %s）的一部分"}
	DetailBack     = Key{"Refunded %s, under way %s, left %s", "已退 %s，退款中 %s，可退 %s"}
	DetailTimeline = Key{"What happened", "经过"}
	EventBegun     = Key{"begun", "开始"}
	EventScanned   = Key{"code read", "已读码"}
	EventRefund    = Key{"refund of %s: %s", "退款 %s：%s"}
	EventReceipt   = Key{"receipt asked for", "补打小票"}
	EventDrawer    = Key{"drawer opened", "打开钱箱"}
	EventPrint     = Key{"slip %d: %s", "小票 %d：%s"}
	EventBy        = Key{"by %s", "操作员 %s"}
	PrintReprint   = Key{"reprint", "重打"}

	NoticeReceiptBusy = Key{"Finish this sale first: the receipt was not opened.", "请先完成这一笔，小票没有打开。"}
	NoticePriceBusy   = Key{"One label is one amount. Clear this one with Esc first.", "一张价签是一笔金额。请先按 Esc 清除。"}

	ConfirmLargeTitle = Key{"Charge %s?", "确定收款 %s？"}
	ConfirmLargeBody  = Key{"From %s on the amount is looked at once more.", "金额达到 %s，请再看一遍。"}
	ConfirmLargeYes   = Key{"charge it", "收款"}
	ConfirmLargeNo    = Key{"correct it", "修改"}

	PasswordLeft  = Key{"the customer has about %s", "顾客还有约 %s"}
	PasswordOver  = Key{"The time is over: it is being undone, or the result comes now.", "时间已到：正在撤销，或结果马上出来。"}
	WhyLinkDown   = Key{"The network is down: the answer has not come yet.", "网络中断：还没有收到结果。"}
	WhyWallet     = Key{"The wallet has not said for certain yet.", "钱包还没有给出确定的结果。"}
	WhyHub        = Key{"The hub has not answered for certain yet.", "中心还没有给出确定的结果。"}
	UnknownChoice = Key{"Wait (Enter: next customer), or Esc undoes it safely.", "可以等（Enter 接待下一位），或按 Esc 安全撤销。"}
)

func init() {
	for kind, k := range map[string]Key{
		"receipt.unknown":     {"This till has no such receipt.", "本收银台没有这张小票。"},
		"receipt.other_till":  {"This receipt is another till's, or was read badly. Take it to its till.", "这是别的收银台的小票，或没有读清楚。请到那台收银台办理。"},
		"receipt.number":      {"This is no receipt's number.", "这不是小票号。"},
		"bill.too_much":       {"That is more than is left of the bill.", "超过账单剩余金额。"},
		"bill.other_total":    {"The bill has another total.", "账单合计不一致。"},
		"sale.received":       {"The cash received is less than the amount.", "实收金额小于应收金额。"},
		"sale.other_received": {"This sale was taken already, with other cash.", "这一笔已经收过，实收金额不同。"},
	} {
		notices[kind] = k
	}
}
