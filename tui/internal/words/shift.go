package words

import "cloudcashier/shared/localapi"

// The shift: opening it, its cash, its reports and its end.
var (
	MenuShift  = Key{"Shift: open, cash, X and Z reports, close, hand over", "班次：开班、现金、X/Z 报表、交班"}
	ShiftTitle = Key{"SHIFT %d, OPEN", "第 %d 班，进行中"}
	ShiftX     = Key{"X REPORT, SHIFT %d", "X 报表，第 %d 班"}
	ShiftZ     = Key{"Z REPORT, SHIFT %d", "Z 报表，第 %d 班"}
	ShiftList  = Key{"CLOSED SHIFTS", "已结班次"}
	ShiftNone  = Key{"No shift has been closed on this till.", "本机还没有结过班。"}

	ShiftSince    = Key{"open since %s", "开班 %s"}
	ShiftFromTo   = Key{"%s to %s", "%s 至 %s"}
	ShiftBy       = Key{"by %s", "操作员 %s"}
	ShiftItself   = Key{"opened by itself, with the first money", "随第一笔收款自动开班"}
	ShiftNothing  = Key{"Nothing has happened in it yet.", "本班还没有任何收款。"}
	ShiftFloat    = Key{"Float", "备用金"}
	ShiftIn       = Key{"Paid in", "存入现金"}
	ShiftOut      = Key{"Paid out", "支出现金"}
	ShiftDropped  = Key{"To the safe", "存入保险柜"}
	ShiftExpected = Key{"Should be there", "应有现金"}
	ShiftCounted  = Key{"Counted", "实点现金"}
	ShiftDiff     = Key{"Difference", "差额"}
	ShiftOther    = Key{"Other", "其他"}
	ShiftBack     = Key{"refunds %d", "退款 %d 笔"}
	ShiftSales    = Key{"sales %d to %d", "单号 %d 至 %d"}
	ShiftBlind    = Key{"The cash is told once it is counted.", "点清现金之前不显示应有现金。"}
	ShiftPending  = Key{"Carried over: %d open, %s", "未结 %d 笔，共 %s，转入下班"}
	ShiftOpenNow  = Key{"Open: %d, %s; closing carries them over", "未结 %d 笔，共 %s，交班时转入下班"}
	ShiftCarried  = Key{"From earlier shifts, settled in this one: %d", "前班转入、本班已结：%d 笔"}
	ShiftFrom     = Key{"from shift %d", "第 %d 班转入"}
	ShiftSale     = Key{"sale", "收款"}
	ShiftRefund   = Key{"refund", "退款"}
	ShiftMore     = Key{"Up and Down show the rest.", "用上下键看其余内容。"}

	CountTitle = Key{"COUNT THE DRAWER", "清点钱箱"}
	CountSum   = Key{"Sum in yuan", "合计（元）"}
	CountTotal = Key{"Total", "合计"}
	CountHint  = Key{"Enter goes on; nothing is closed yet.", "按 Enter 继续，此时尚未结班。"}
	CountBySum = Key{"sum", "只填合计"}
	CountNotes = Key{"notes", "按面额"}

	AskFloat    = Key{"Float in the drawer (yuan)", "钱箱备用金（元）"}
	AskIn       = Key{"Cash paid in (yuan)", "存入现金（元）"}
	AskOut      = Key{"Cash paid out (yuan)", "支出现金（元）"}
	AskDrop     = Key{"Cash to the safe (yuan)", "存入保险柜（元）"}
	AskWhy      = Key{"What for?", "用途？"}
	AskHandDrop = Key{"To the safe before the hand-over (yuan, 0 for none)", "交班前存入保险柜（元，没有填 0）"}

	ConfirmCloseTitle = Key{"Close shift %d?", "结束第 %d 班？"}
	ConfirmCloseBody  = Key{"Counted: %s. Open: %d, carried over to the next shift. A closed shift does not change.", "实点 %s。未结 %d 笔，转入下班。结班后不能更改。"}
	ConfirmHandBody   = Key{"Counted: %s, to the safe: %s; the next shift begins with %s. Open: %d, carried over. A closed shift does not change.", "实点 %s，存入保险柜 %s，下班备用金 %s。未结 %d 笔，转入下班。结班后不能更改。"}
	ConfirmCloseYes   = Key{"close it", "结班"}
	ConfirmCloseNo    = Key{"go on with this shift", "继续本班"}

	NoticeShiftUnsure  = Key{"No answer. Press C or H: the same count is sent again and closes once.", "没有收到回复。按 C 或 H 重发，只会结班一次。"}
	NoticeShiftNotSent = Key{"The agent does not answer: nothing was closed. The count is kept, press C or H.", "收银程序没有应答，尚未结班。清点结果已保留，按 C 或 H 重发。"}
	NoticeCashUnsure   = Key{"No answer. The same key notes it once.", "没有收到回复。再按同一键，只会记一次。"}
	NoticeShiftRefused = Key{"Not done: %s", "未完成：%s"}
	NoticeShiftDone    = Key{"Done.", "已完成。"}
	NoticeShiftMoved   = Key{"Noted: %s", "已记录：%s"}
	NoticeShiftAmount  = Key{"This is no amount: write it as 12.80.", "金额不对：请写成 12.80。"}
	NoticeShiftBegun   = Key{"The shift is open already: note the change as paid in (I).", "本班已开始，备用金请按 I 记为存入。"}

	KeyShiftOpen  = Key{"open", "开班"}
	KeyShiftIn    = Key{"in", "存入"}
	KeyShiftOut   = Key{"out", "支出"}
	KeyShiftDrop  = Key{"safe", "入柜"}
	KeyShiftX     = Key{"X report", "X 报表"}
	KeyShiftClose = Key{"close", "结班"}
	KeyShiftHand  = Key{"hand over", "交班"}
	KeyShiftOld   = Key{"old Z", "旧报表"}
	KeyShiftPrint = Key{"print", "打印"}
	KeyShiftNext  = Key{"next", "下一项"}
)

// lineStates name the states of what a shift carries over.
var lineStates = map[string]Key{
	string(localapi.RefundQueued): {"queued", "排队中"}, string(localapi.RefundPending): {"pending", "处理中"},
	string(localapi.RefundSucceeded): {"refunded", "已退款"}, string(localapi.RefundFailed): {"not refunded", "未退款"},
}

// Line says how a carried sale or refund stands.
func (l Lang) Line(x localapi.ShiftLine) string {
	if k, ok := lineStates[x.State]; ok && x.Kind == "refund" {
		return l.Say(k)
	}
	return l.State(localapi.State(x.State))
}
