package receipt

import (
	"fmt"
	"strings"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// Report is what the slip of a shift tells: a Z, or an X while the shift is open.
type Report struct {
	Title           string // the shop's name
	Store, Terminal string
	Shift           localapi.Shift
	Zone            *time.Location
	Reprint         bool // says so on its face
	Printed         time.Time
}

// lineStates are the states of what a shift carries over, as paper says them.
var lineStates = map[string]string{"waiting": "待扫码 waiting", "deferred": "离线 deferred", "paid": "已付 paid", "queued": "退款排队 queued",
	"pending": "退款中 pending", "succeeded": "已退 refunded", "failed": "未退 not refunded"}

// OfShift lays out the report of a shift. A Z has a line for a signature.
func OfShift(r Report) Doc {
	s := r.Shift
	var d Doc
	add := func(items ...Item) { d = append(d, items...) }
	pair := func(left, right string) {
		if right != "" {
			add(Item{Kind: Pair, Left: left, Right: right})
		}
	}
	fen := func(left string, amount *int64) {
		if amount != nil {
			pair(left, Yuan(money.Fen(*amount)))
		}
	}
	at := func(left string, moment *time.Time) {
		if moment != nil {
			pair(left, moment.In(r.Zone).Format(timeLayout))
		}
	}
	if r.Reprint {
		add(Item{Kind: Big, Left: "重打 REPRINT"})
	}
	if r.Title != "" {
		add(Item{Kind: Big, Left: r.Title})
	}
	name := "X 报表 X REPORT"
	if s.Closed {
		name = "Z 报表 Z REPORT"
	}
	add(Item{Kind: Big, Left: name}, Item{Kind: Rule})
	pair("班次 Shift", fmt.Sprint(s.Number))
	at("开班 Opened", s.OpenedAt)
	at("结班 Closed", s.ClosedAt)
	pair("开班人 Opened by", s.OpenedBy)
	pair("结班人 Closed by", s.ClosedBy)
	pair("授权 Approved by", s.Approved)
	pair("门店 Store", r.Store)
	pair("终端 Till", r.Terminal)
	if s.FirstSale > 0 {
		pair("小票号 No.", Number(s.FirstSale)+" - "+Number(s.LastSale))
	}
	add(Item{Kind: Rule})
	for _, one := range s.Tenders {
		how := tenders[one.Tender]
		if how == "" {
			how = wallets[one.Wallet]
		}
		pair(fmt.Sprintf("%s x%d", how, one.Count), Yuan(money.Fen(one.Gross)))
		if one.Refunds > 0 {
			pair(fmt.Sprintf("  退款 Refunds x%d", one.Refunds), Yuan(money.Fen(-one.Refunded)))
			pair("  净额 Net", Yuan(money.Fen(one.Net)))
		}
	}
	add(Item{Kind: Rule})
	fen("备用金 Float", &s.Float)
	fen("存入 Paid in", &s.PaidIn)
	fen("支出 Paid out", &s.PaidOut)
	fen("入柜 To the safe", &s.Dropped)
	fen("应有现金 Expected", s.Expected)
	fen("实点现金 Counted", s.Counted)
	fen("差额 Difference", s.Difference)
	d = append(d, carried(s)...)
	add(Item{Kind: Rule})
	if s.Note != "" {
		add(Item{Kind: Text, Left: s.Note})
	}
	pair("日志 Journal", fmt.Sprintf("%d - %d", s.FirstEvent, s.LastEvent))
	if s.LastHash != "" {
		pair("校验 Hash", s.LastHash[:min(len(s.LastHash), 16)])
	}
	if s.Closed {
		add(Item{Kind: Text, Left: ""}, Item{Kind: Text, Left: "签字 Signature " + strings.Repeat("_", 16)})
	} else {
		add(Item{Kind: Text, Left: "班次未结 This shift is open", Center: true})
	}
	add(Item{Kind: Text, Left: r.Printed.In(r.Zone).Format(timeLayout), Center: true})
	return d
}

// carried are the lines that a shift leaves open, and those of earlier shifts that settled in it.
func carried(s localapi.Shift) (d Doc) {
	if s.PendingCount > 0 {
		d = append(d, Item{Kind: Rule}, Item{Kind: Pair, Left: fmt.Sprintf("未结 Open x%d", s.PendingCount), Right: Yuan(money.Fen(s.PendingAmount))})
	}
	for _, l := range s.Pending {
		d = append(d, line(l, l.Shift != s.Number)...)
	}
	if len(s.Carried) > 0 {
		d = append(d, Item{Kind: Rule}, Item{Kind: Text, Left: fmt.Sprintf("前班转入已结 Settled from earlier shifts x%d", s.CarriedCount)})
	}
	for _, l := range s.Carried {
		d = append(d, line(l, true)...)
	}
	return d
}

func line(l localapi.ShiftLine, from bool) Doc {
	state := lineStates[l.State]
	if state == "" && localapi.State(l.State).Final() {
		state = "未付 not paid"
	}
	if state == "" {
		state = "未知 unknown"
	}
	if from {
		state += fmt.Sprintf(" (第 %d 班 from shift %d)", l.Shift, l.Shift)
	}
	return Doc{{Kind: Text, Left: l.ID}, {Kind: Pair, Left: "  " + state, Right: Yuan(money.Fen(l.Amount))}}
}
