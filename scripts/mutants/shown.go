package main

import "slices"

// shownBugs are about orders whose code the customer scans.
var shownBugs = slices.Concat(
	in("hub/internal/channel/wechat",
		mutant{name: "shown/close-is-proof", wrong: "an order closed while its customer paid is shown as unpaid, and the money stays", file: "shown.go", run: "TestWithdraw|TestSandbox",
			edits: swap("\tcase \"SUCCESS\":\n\t\treturn channel.Answer{Finding: channel.Pending, Working: true}\n\tcase \"FAIL\":", "\tcase \"SUCCESS\":\n\t\treturn channel.Answer{Finding: channel.Reversed}\n\tcase \"FAIL\":")},
		mutant{name: "shown/refund-number-drawn", wrong: "an order that was paid after all is given back as often as we ask", file: "shown.go", run: "TestWithdraw",
			edits: swap(`OutRefundNo: r.OutTradeNo + "R"`, `OutRefundNo: r.OutTradeNo + time.Now().Format("150405000")`)},
		mutant{name: "shown/paid-before-declines", wrong: "a shown code that was paid is called refused when it is asked for again", file: "shown.go", run: "TestPresentCodes|TestSandbox",
			edits: swap(`case d.Code == channel.Misconfigured:`, `case d.Code == channel.Misconfigured || code == "ORDERPAID":`)},
	),
	in("hub/internal/channel/alipay",
		mutant{name: "shown/alipay-other-order", wrong: "the code of another order is shown to the customer", file: "shown.go", run: "TestPresent$",
			edits: swap(`case got.outTradeNo != o.OutTradeNo:`, `case got.outTradeNo == "x":`)},
	),
	in("hub/internal/payment",
		mutant{name: "shown/absent-is-gone", wrong: "a code that nobody scanned yet is called unpaid while it can be scanned", file: "plan.go", run: "TestSimulation$|TestWhatAnswers", env: "SEEDS=2000",
			edits: swap("case asked.Before(p.Attempt.Sent.Add(r.Travel)) && p.Showing():\n\t\t\te.Kind = Wait", "case asked.Before(p.Attempt.Sent.Add(r.Travel)) && p.Showing():\n\t\t\te.Kind = Gone")},
		mutant{name: "shown/expiry-is-failed", wrong: "a code that ended is called unpaid though its customer paid in the last second", file: "plan.go", tests: "hub/internal/engine", run: "TestPaidInTheLastSecond", env: "SCHEDULES=10",
			edits: swap(`return !at.Before(a.Until) && answeredAfter(a) || !at.Before(a.Until.Add(edgeTime))`, `return !at.Before(a.Until)`)},
		mutant{name: "shown/repeat-declines", wrong: "a repeated request that was refused ends an order that the first one made", file: "plan.go", run: "TestWhatAnswers", env: "SEEDS=2000",
			edits: swap(`if t != TaskReverse && t != TaskPresent {`, `if t != TaskReverse {`)},
		mutant{name: "shown/cancelled-is-shown", wrong: "a code that was cancelled on its way is shown to the customer", file: "law.go", run: "TestTheTextStays", env: "SEEDS=2000",
			edits: swap(`if e.Kind == Show && to == pay.StatusPending && a.QR == "" {`, `if e.Kind == Show {`)},
	),
	in("hub/internal/engine",
		mutant{name: "shown/second-order", wrong: "a lost code is asked for under another number: two orders for one sale", file: "shown.go", run: "TestALostCode", env: "SCHEDULES=10",
			edits: swap("\treturn w.shows.Present(ctx, e.orderOf(p, pay.Code{}))", "\to := e.orderOf(p, pay.Code{})\n\tif p.Attempt.Tries > 1 {\n\t\to.OutTradeNo = e.IDs.OutTradeNo()\n\t}\n\treturn w.shows.Present(ctx, o)")},
		mutant{name: "shown/expiry-moves", wrong: "a repeat asks for another order, which the wallet refuses, and the customer never sees a code", file: "step.go", run: "TestALostCode", env: "SCHEDULES=10",
			edits: swap(`expires = p.Ends() //`, `expires = expires.Add(e.Now().Sub(p.Created)) //`)},
		mutant{name: "shown/asked-as-a-code", wrong: "an order that is shown is undone in the way of one by code, which the wallet refuses", file: "step.go", tests: "hub/internal/engine", run: "TestEveryCallSaysShown", env: "SCHEDULES=10",
			edits: swap(`SentAt: p.Attempt.Stamp, Shown: p.Attempt.Shown}`, `SentAt: p.Attempt.Stamp}`)},
		mutant{name: "shown/code-not-told", wrong: "the till never learns the text of the code", file: "step.go", run: "TestTheTillIsToldTheCode", env: "SCHEDULES=10",
			edits: swap(`if after.Status != p.Status || after.Waiting != p.Waiting || shows {`, `if after.Status != p.Status || after.Waiting != p.Waiting {`)},
	),
)
