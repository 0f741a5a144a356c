package words

// The staff menu, and the prompt that several of its screens ask with.
var (
	MenuTitle = Key{"STAFF", "店员菜单"}
	MenuHint  = Key{"Number or Enter opens, %s goes back to the sale.", "按数字或 Enter 打开，%s 回到收款。"}
	KeyOpen   = Key{"open", "打开"}
	KeyDone   = Key{"done", "确定"}
)
