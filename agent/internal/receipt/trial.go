package receipt

import "time"

// Trial is a slip that shows what the printer can do, and says on its face that it is a test. Its QR and
// its barcode lead to no sale.
func Trial(title, terminal string, at time.Time) Doc {
	d := Doc{{Kind: Big, Left: "测试 TEST"}}
	if title != "" {
		d = append(d, Item{Kind: Big, Left: title})
	}
	return append(d, Item{Kind: Rule}, Item{Kind: Pair, Left: "时间 Time", Right: at.Format(timeLayout)}, Item{Kind: Pair, Left: "终端 Till", Right: terminal},
		Item{Kind: Rule}, Item{Kind: Text, Left: "测试小票，不是付款凭证 This is no receipt", Center: true},
		Item{Kind: Text, Left: "0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, Item{Kind: QR, Left: "TEST"}, Item{Kind: Barcode, Left: Number(0)})
}
