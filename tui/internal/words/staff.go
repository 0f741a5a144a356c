package words

import "cloudcashier/shared/localapi"

// The screens of store staff.
var (
	Asking    = Key{"Asking...", "正在查询..."}
	MoreBelow = Key{"Down: %d more lines", "按 Down 还有 %d 行"}
	MoreAbove = Key{"Up: back", "按 Up 向上"}

	KeyDayBefore = Key{"day before", "前一天"}
	KeyDayAfter  = Key{"day after", "后一天"}
	KeyRefresh   = Key{"refresh", "刷新"}
	KeyScroll    = Key{"scroll", "滚动"}
	KeyChange    = Key{"change", "修改"}
	KeyTest      = Key{"test", "测试"}
	KeyMove      = Key{"move the key", "改按键"}
	KeyUsual     = Key{"as usual", "恢复"}
	KeyWrite     = Key{"write", "写出"}
	KeyKeys      = Key{"keys", "按键"}

	AgentHung = Key{"! The till's program does not answer (since %s): %s", "! 收银程序没有应答（自 %s）：%s"}
	AgentWait = Key{"nothing is lost; if it stays, restart cashier-agent", "记录不会丢失；一直这样请重启 cashier-agent"}

	OverviewTitle  = Key{"DAY OVERVIEW", "日报"}
	OverviewOf     = Key{"DAY OVERVIEW  %s", "日报  %s"}
	DayPaid        = Key{"Paid", "收款"}
	DayRefunded    = Key{"Refunded", "退款"}
	DayNet         = Key{"Net", "净额"}
	DayNotPaid     = Key{"Not paid", "未收款"}
	DayBeforeWas   = Key{"day before %s", "前一天 %s"}
	DayOpen        = Key{"unknown, in no sum: %d, %s", "结果未知，不计入：%d 笔 %s"}
	DayDeferred    = Key{"offline, not collected yet, in no sum: %d, %s", "离线受理还没收到，不计入：%d 笔 %s"}
	DayOpenRefunds = Key{"refunds not settled, in no sum: %d, %s", "退款未结清，不计入：%d 笔 %s"}
	DayWays        = Key{"By payment     paid       net", "按方式         笔数      净额"}
	DayNothing     = Key{"Nothing yet.", "还没有。"}
	DayHours       = Key{"By hour, most %s", "按小时，最高 %s"}
	TenderOther    = Key{"Other", "其他"}

	HealthTitle     = Key{"TERMINAL HEALTH", "终端状态"}
	HealthGood      = Key{"OK  Nothing is wrong.", "OK  一切正常。"}
	HealthAt        = Key{"looked at %s", "检查时间 %s"}
	FactLink        = Key{"Link", "连接"}
	FactLinkUp      = Key{"up since %s", "在线，自 %s"}
	FactLinkDown    = Key{"DOWN since %s", "离线，自 %s"}
	FactQueue       = Key{"Queue", "待传"}
	FactOldest      = Key{"Oldest", "最久"}
	FactUnsynced    = Key{"Not copied", "未备份"}
	FactClock       = Key{"Clock offset", "时钟偏差"}
	FactCertificate = Key{"Certificate", "证书"}
	FactDays        = Key{"%d days, until %s", "还有 %d 天，至 %s"}
	FactJournal     = Key{"Journal", "流水账"}
	FactDisk        = Key{"Disk free", "磁盘剩余"}
	FactScanner     = Key{"Scanner", "扫码枪"}
	FactPrinter     = Key{"Printer", "打印机"}
	FactSlips       = Key{"%d wait, %d failed", "待打 %d，失败 %d"}
	FactDisplay     = Key{"Display", "客显"}
	FactVoice       = Key{"Voice", "语音"}
	FactSpoken      = Key{"%d said, %d missed", "已播 %d，漏播 %d"}
	FactTerminal    = Key{"Till", "终端"}
	FactVersion     = Key{"Version", "版本"}
	DeviceOK        = Key{"OK", "正常"}
	DeviceGone      = Key{"! not connected", "! 未连接"}

	TestTitle     = Key{"SELF-TEST", "自检"}
	PartScanner   = Key{"Scanner", "扫码枪"}
	PartKeyboard  = Key{"Keyboard", "键盘"}
	PartPrinter   = Key{"Printer", "打印机"}
	PartDrawer    = Key{"Cash drawer", "钱箱"}
	PartDisplay   = Key{"Customer display", "客显"}
	PartVoice     = Key{"Voice", "语音"}
	PartSound     = Key{"Sound", "声音"}
	PartScreen    = Key{"Screen", "屏幕"}
	TestRuns      = Key{"testing...", "正在测试..."}
	TestSound     = Key{"The bell rings three times now. Nothing heard: look at the terminal's bell.", "现在响铃三次。没听到请检查终端的响铃设置。"}
	TestSoundOff  = Key{"Sound is off: turn it on in the settings.", "声音已关：请在设置里打开。"}
	TestKeys      = Key{"Press any key: its name appears. Esc twice leaves.", "按任意键显示键名。按两次 Esc 退出。"}
	TestScan      = Key{"Scan anything now. Nothing is charged; payment codes are masked.", "请扫任意条码。不会收款，付款码会隐藏。"}
	TestSaleWaits = Key{"A sale waits for a scan: end it first, or the test code would be charged.", "有一笔正在等扫码：先结束它，否则测试码会被收款。"}
	TestSerial    = Key{"(serial scanner)", "（串口）"}
	TestLength    = Key{"%d signs", "%d 个字符"}
	TestScreen    = Key{"Each frame must be straight on the right; every word must be readable without colour.", "右边框必须对齐；不看颜色也要能读。"}
	TestDim       = Key{"less important", "次要"}

	SettingsTitle = Key{"SETTINGS", "设置"}
	SetLanguage   = Key{"Language", "语言"}
	SetTheme      = Key{"Colours", "配色"}
	SetSound      = Key{"Sound", "声音"}
	SetAbove      = Key{"Ask first", "大额确认"}
	SetLock       = Key{"Lock after", "自动锁屏"}
	SetKeys       = Key{"Keys", "按键"}
	SetByLocale   = Key{"as the system", "跟随系统"}
	SetNever      = Key{"never", "从不"}
	SetFrom       = Key{"from %s on", "%s 起"}
	SetMinutes    = Key{"%d minutes", "%d 分钟"}
	SetOn         = Key{"on", "开"}
	SetOff        = Key{"off", "关"}
	SetMoved      = Key{"%d moved", "已改 %d 个"}
	SetAboveBody  = Key{"From which amount on shall the screen ask before it charges? 0: never.", "从多少金额起先确认再收款？0 表示从不。"}
	SetLockBody   = Key{"After how many minutes without a key? 0: never.", "多少分钟没有按键后锁屏？0 表示从不。"}
	SetLockBad    = Key{"Minutes are a whole number up to 1440.", "分钟数是整数，最多 1440。"}
	SetLockNobody = Key{"Nobody is on duty: there is nobody to sign off, so it does not lock.", "现在没有人当班：没有人可以离岗，所以不会锁屏。"}
	SetDamaged    = Key{"! The saved settings are not used: %s", "! 保存的设置没有使用：%s"}
	ThemeColour   = Key{"colour", "彩色"}
	ThemeMono     = Key{"no colour", "无彩色"}
	ThemeContrast = Key{"high contrast", "高对比"}
	NotKept       = Key{"Changed until this screen is closed: there is no file for settings.", "已修改，关闭本屏后失效：没有设置文件。"}
	NotSaved      = Key{"Changed, but not saved: %v", "已修改，但没有保存：%v"}

	KeysTitle   = Key{"KEYS", "按键"}
	KeysPress   = Key{"Press the new key", "请按新的键"}
	KeysWhich   = Key{"F1 to F20, Insert, Delete, Home, End, PgUp or PgDn. Esc: leave it as it is.", "F1 到 F20、Insert、Delete、Home、End、PgUp、PgDn。Esc 不改。"}
	KeysFixed   = Key{"This key cannot be moved: scanners send it, or every screen needs it.", "这个键不能改：扫码枪会发送它，或每个画面都要用。"}
	KeysTaken   = Key{"%s is taken: %s", "%s 已被占用：%s"}
	KeysNever   = Key{"%s cannot be used: scanners send it, or screens need it.", "%s 不能用：扫码枪会发送它，或画面要用。"}
	KeysNow     = Key{"%s: now %s", "%s：现在是 %s"}
	KeysUsually = Key{"usually %s", "原来 %s"}

	PlaceAnywhere = Key{"EVERYWHERE", "所有画面"}
	PlaceSale     = Key{"SALE", "收款"}
	PlaceShift    = Key{"SHIFT", "班次"}
	PlaceDetail   = Key{"ONE SALE", "一笔收款"}
	PlaceDuty     = Key{"OPERATORS", "收银员"}

	ActDuty       = Key{"sign on, sign off", "上岗、离岗"}
	ActCash       = Key{"paid in cash", "收现金"}
	ActSplit      = Key{"a part of a bill", "分单收款"}
	ActLeaveBill  = Key{"leave a bill: keep or refund its parts", "离开分单：保留或退回已付部分"}
	ActDetails    = Key{"everything about one sale", "一笔收款的详情"}
	ActSearch     = Key{"search all sales", "查找全部收款"}
	ActRefundHow  = Key{"of a refund: a part, a reason, void", "退款时：部分、原因、全部撤销"}
	ActShiftOpen  = Key{"open with a float", "用备用金开班"}
	ActShiftCash  = Key{"cash in, out, to the safe", "现金存入、支出、入柜"}
	ActShiftPaper = Key{"X report, old Z, print", "X 报表、旧 Z 报表、打印"}
	ActShiftClose = Key{"close, hand over", "结班、交班"}
	ActShiftCount = Key{"count notes or a sum", "按面额或总数清点"}
	ActSignOn     = Key{"choose who works here", "选择上岗的人"}
	ActTraining   = Key{"begin or end training", "开始或结束培训"}

	ActKeys       = Key{"every key", "所有按键"}
	ActLanguage   = Key{"Chinese or English", "中文或英文"}
	ActSales      = Key{"last sales", "最近收款"}
	ActSendNow    = Key{"send now what waits", "马上上传"}
	ActQuit       = Key{"leave this screen", "退出收银屏"}
	ActMenu       = Key{"staff menu", "店员菜单"}
	ActYes        = Key{"yes, to a question", "对问题回答是"}
	ActNo         = Key{"no, to a question", "对问题回答否"}
	ActAmount     = Key{"the amount", "金额"}
	ActStart      = Key{"start the sale, next", "开始收款，下一笔"}
	ActErase      = Key{"erase a sign", "删一位"}
	ActStop       = Key{"clear, stop, undo", "清除、取消、撤销"}
	ActShow       = Key{"show a code to scan", "显示收款码"}
	ActAgain      = Key{"same amount again", "同额再收"}
	ActNext       = Key{"next customer", "下一位"}
	ActMove       = Key{"choose a sale", "选一笔"}
	ActBack       = Key{"back", "返回"}
	ActRefund     = Key{"refund", "退款"}
	ActReprint    = Key{"print the receipt again", "补打小票"}
	ActOpen       = Key{"open a line", "打开一项"}
	ActDays       = Key{"another day", "换一天"}
	ActScroll     = Key{"scroll", "滚动"}
	ActRefresh    = Key{"look again", "重新查询"}
	ActTest       = Key{"choose and test", "选择并测试"}
	ActChange     = Key{"choose and change", "选择并修改"}
	ActBind       = Key{"choose and move a key", "选择并改按键"}
	ActUnbind     = Key{"the usual key again", "恢复原来的键"}
	ActExport     = Key{"choose and write", "选择并写出"}
	ActStopExport = Key{"stop writing", "停止写出"}

	ExportTitle     = Key{"EXPORT", "导出"}
	ExportDay       = Key{"Sales of %s (CSV)", "%s 的收款（CSV）"}
	ExportJournal   = Key{"The whole journal (NDJSON)", "全部流水账（NDJSON）"}
	ExportBody      = Key{"Written to a stick or a folder. Nothing there is overwritten; no payment codes are in it.", "写到U盘或文件夹。不会覆盖已有文件，也不含付款码。"}
	ExportWhere     = Key{"Where to?", "写到哪里？"}
	ExportWhereBody = Key{"A folder from the root on, such as /media/stick.", "从根目录写起，例如 /media/stick。"}
	ExportRuns      = Key{"Writing: %s", "正在写出：%s"}
	ExportDone      = Key{"Written: %s (%s)", "已写出：%s（%s）"}
	ExportFailed    = Key{"Not written: %s", "没有写出：%s"}
)

// checks name what the doctor looks at, and what to do when it is not well.
var checks = map[string]struct{ label, do Key }{
	"folder":      {Key{"folder", "文件夹"}, Key{"Have the operator look at the till's folder and its mode.", "请管理员检查终端文件夹和权限。"}},
	"activation":  {Key{"activation", "激活"}, Key{"Activate this till with a new code from the office.", "请用总部的新激活码重新激活本机。"}},
	"certificate": {Key{"certificate", "证书"}, Key{"Check the date of this machine; else ask the office for a new activation code.", "请检查本机日期；不行就向总部要新激活码。"}},
	"journal":     {Key{"journal", "流水账"}, Key{"Leave the till on with a network until everything is settled. Damaged: stop selling and call the office.", "保持开机联网，直到全部结清。若损坏：停止收款并联系总部。"}},
	"disk":        {Key{"disk", "磁盘"}, Key{"Delete what is not needed; a full disk takes no new sale.", "请清理磁盘；磁盘满了不能再收款。"}},
	"agent":       {Key{"program", "收银程序"}, Key{"Without a link take cash; check cable, Wi-Fi and router.", "没有连接时收现金；检查网线、无线和路由器。"}},
	"scanner":     {Key{"scanner", "扫码枪"}, Key{"Plug the scanner in again; another port gets another name.", "请重新插好扫码枪；换插口名字会变。"}},
	"printer":     {Key{"printer", "打印机"}, Key{"Paper, cover, power and cable; then print again what failed.", "检查纸、盖、电源和线；失败的小票再补打。"}},
	"hub":         {Key{"hub", "中心"}, Key{"Check cable, network and firewall, and the clock of this machine.", "检查网线、网络、防火墙和本机时钟。"}},
	"clock":       {Key{"clock", "时钟"}, Key{"Set this machine's clock, or let it set itself over the network.", "请校准本机时钟，或让它自动对时。"}},
	"offline":     {Key{"offline", "离线"}, Key{"Connect the till so that the limits are renewed.", "请联网，以便更新离线额度。"}},
}

// Check names what the doctor looked at and says what to do; with the agent's own words for a check that is
// new to us.
func (l Lang) Check(name string, c localapi.Check) (label, do string) {
	one, ok := checks[name]
	if !ok {
		return name, c.Do
	}
	return l.Say(one.label), l.Say(one.do)
}

// kinds name what a scan is.
var kinds = map[string]Key{
	"payment": {"payment code", "付款码"}, "product": {"product", "商品条码"}, "link": {"link", "网址"}, "unreadable": {"no payment code", "不是付款码"},
}

// ScanKind names what a scan is; the kind itself when it is new to us.
func (l Lang) ScanKind(kind string) string {
	if k, ok := kinds[kind]; ok {
		return l.Say(k)
	}
	return kind
}

func init() {
	for code, k := range map[string]Key{
		"saving.folder":  {"there is no such folder: is the stick in? Write it from the root on.", "没有这个文件夹：U盘插好了吗？路径从 / 写起。"},
		"saving.part":    {"a .part file of an earlier try is there: delete it first.", "有上次留下的 .part 文件：请先删除。"},
		"saving.full":    {"too many files of this name are there: tidy the folder.", "同名文件太多：请整理文件夹。"},
		"saving.room":    {"no room left there: delete something or take another stick.", "空间不够：请清理或换一个U盘。"},
		"saving.denied":  {"nothing may be written there: look at the stick's switch.", "不能写入：请检查U盘的写保护。"},
		"saving.gone":    {"the stick does not answer any more: do not trust what is on it.", "U盘没有应答：上面的文件不可信。"},
		"saving.stopped": {"stopped; nothing was left behind.", "已停止，没有留下文件。"},
		"export.cut":     {"it ended before it was whole: try again.", "没有写完：请再试一次。"},
		"display.none":   {"this till has no customer display.", "本机没有客显。"},
		"voice.none":     {"this till has no voice.", "本机没有语音。"},
		"printer.none":   {"this till has no receipt printer.", "本机没有打印机。"},
		"api.unknown":    {"this agent cannot do that: bring it up to date.", "收银程序太旧，不支持：请更新。"},
	} {
		notices[code] = k
	}
}
