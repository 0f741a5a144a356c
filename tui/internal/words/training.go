package words

// Training, and what a scanner may suffer from.
var (
	// TrainingBand stands above and below everything while the till trains, in both languages at once: nobody who
	// looks at the screen from the other side may take it for real.
	TrainingBand     = Key{"TRAINING 培训 NO MONEY MOVES", "培训 TRAINING 不收真钱"}
	TrainingBandOnly = Key{"TRAINING - NO MONEY MOVES", "TRAINING - NO MONEY MOVES"} // on a console without Chinese
	TrainingTitle    = Key{"TRAINING %s", "培训 %s"}

	TrainingPaidHint = Key{"Only training: hand nothing over.", "只是培训：不要交货。"}

	MenuTraining  = Key{"Training mode", "培训模式"}
	TrainingOff   = Key{"Training is off: sales are real.", "现在不是培训：收的是真钱。"}
	TrainingOn    = Key{"Training is on: no money moves, nothing is kept.", "正在培训：不收真钱，什么也不保留。"}
	TrainingWhat  = Key{"It is a till of its own without a hub, a printer or a drawer. A restart ends it.", "培训用的是另一台虚拟收银机：不联网、不打印、不开钱箱。重启后自动结束。"}
	TrainingFates = Key{"The last two digits of the amount choose what happens:", "金额最后两位数字决定结果："}
	TrainingFate  = [...]Key{
		{"00-49 paid", "00-49 收款成功"},
		{"50 / 51 / 52 balance too low / code expired / code used", "50 / 51 / 52 余额不足 / 付款码过期 / 已用过"},
		{"53 / 54 password, then paid / refused", "53 / 54 输密码，然后成功 / 顾客拒绝"},
		{"60 / 61 unknown, then paid / not paid", "60 / 61 结果未知，然后成功 / 未扣款"},
	}
	TrainingBegin  = Key{"begin training", "开始培训"}
	TrainingEnd    = Key{"end training", "结束培训"}
	TrainingNot    = Key{"Not changed: %s", "没有切换：%s"}
	TrainingOpen   = Key{"a real sale is not settled. Wait for it, or cancel it, then train.", "还有真实收款没有结果。请等结果或取消，再开始培训。"}
	TrainingUnsure = Key{"No answer. The line above everything says which mode it is.", "没有回答。以屏幕最上面一行为准。"}

	StatusScannerStuck = Key{"! scanner stuck", "! 扫码枪卡住"}
	StatusScannerSpeed = Key{"! scanner speed wrong", "! 扫码枪速率不对"}
)
