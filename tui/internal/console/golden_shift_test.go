package console_test

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

func init() {
	named["f12"] = tea.KeyF12
	for name, sc := range map[string]scene{
		"shift-new":       {act: inShift()},
		"shift-float":     {act: inShift("o", "2", "0", "0")},
		"shift-open":      {prepare: busyShift, act: inShift()},
		"shift-x":         {prepare: busyShift, act: inShift("x")},
		"shift-why":       {prepare: busyShift, act: inShift("u", "7", "enter", "t", "e", "a")},
		"shift-count":     {prepare: busyShift, act: inShift("c", "2", "enter", "1", "enter", "enter", "1", "2")},
		"shift-sum":       {prepare: busyShift, act: inShift("c", "tab", "2", "6", "5", ".", "5")},
		"shift-confirm":   {prepare: busyShift, act: inShift("c", "tab", "2", "6", "5", ".", "5", "enter")},
		"shift-hand-drop": {prepare: busyShift, act: inShift("h", "tab", "2", "6", "5", ".", "5", "enter", "2", "0", "0")},
		"shift-hand":      {prepare: busyShift, act: inShift("h", "tab", "2", "6", "5", ".", "5", "enter", "2", "0", "0", "enter")},
		"shift-z":         {prepare: busyShift, act: inShift("c", "tab", "2", "6", "5", ".", "5", "enter", "y")},
		"shift-z-second": {prepare: busyShift, act: func(r *rig) {
			inShift("c", "tab", "2", "6", "5", "enter", "y", "esc")(r)
			r.agent.shift.now.Carried = []localapi.ShiftLine{{Kind: "sale", ID: "sale_01JTEST000000DOUBT1", Amount: 4321, State: "paid", Shift: 3}}
			r.agent.shift.now.CarriedCount = 1
			r.agent.shift.now.Pending = nil
			r.keys("c", "tab", "0", "enter", "y")
		}},
		"shift-list":   {prepare: busyShift, act: inShift("c", "tab", "2", "6", "5", "enter", "y", "esc", "c", "tab", "0", "enter", "y", "esc", "z", "down")},
		"shift-unsure": {prepare: busyShift, act: func(r *rig) { inShift("c", "tab", "2", "6", "5", "enter")(r); r.agent.refuse = errLost; r.keys("y") }},
	} {
		scenes[name] = sc
	}
}

// inShift opens the shift's screen and presses keys there.
func inShift(keys ...string) func(r *rig) {
	return func(r *rig) {
		r.t.Helper()
		r.keys("f12")
		for _, line := range strings.Split(r.view(), "\n") {
			if strings.Contains(line, "Shift:") || strings.Contains(line, "班次：") {
				r.keys(strings.Fields(strings.TrimLeft(line, "> "))[0])
				r.keys(keys...)
				return
			}
		}
		r.t.Fatalf("the menu has no shift:\n%s", r.view())
	}
}

// busyShift is a till in its third shift: sales of three kinds, refunds, cash moved, and two lines open.
func busyShift(a *agent) {
	at := time.Now().Add(-4 * time.Hour)
	a.shift.now = localapi.Shift{Number: 3, OpenedAt: &at, OpenedBy: "Li", Float: 20000, FirstSale: 41, LastSale: 97, PaidIn: 5000, PaidOut: 700,
		Tenders: []localapi.ShiftTender{{Tender: localapi.TenderCash, Count: 12, Gross: 2300, Refunds: 1, Refunded: 80, Net: 2220},
			{Tender: localapi.TenderOther, Count: 1, Gross: 5000, Net: 5000}, {Tender: localapi.TenderWallet, Wallet: pay.Alipay, Count: 20, Gross: 123456, Net: 123456},
			{Tender: localapi.TenderWallet, Wallet: pay.WeChat, Count: 21, Gross: 234567, Refunds: 2, Refunded: 1500, Net: 233067}},
		Pending: []localapi.ShiftLine{{Kind: "refund", ID: "ref_01JTEST000000000BACK", Amount: 700, State: "queued", Shift: 2},
			{Kind: "sale", ID: "sale_01JTEST000000DOUBT1", Amount: 4321, State: "unknown", Shift: 3}}}
}
