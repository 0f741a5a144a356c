package main

import "slices"

// The words of the law of sales that the bugs change.
const (
	saleLeft   = "Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {localapi.StateCancelling, wire.KindCancel},\n\t\tFenced: {to: localapi.StateLapsed}, Refused: {localapi.StateUnknown, wire.KindFence},"
	saleUnsure = "Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {to: localapi.StateCancelled},"
)

// tillBugs are in the till and its scanners.
var tillBugs = slices.Concat(
	in("agent/internal/sale",
		mutant{name: "sale/refusal-believed", wrong: "a late copy of the charge goes through after the cashier was told no", file: "law.go", run: "TestSimulation$", env: "SEEDS=2000",
			edits: swap(saleLeft, "Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {localapi.StateCancelling, wire.KindCancel},\n\t\tFenced: {to: localapi.StateLapsed}, Refused: {to: localapi.StateDeclined},")},
		mutant{name: "sale/restart-lapses", wrong: "a charge that left before a power cut is shown as not paid", file: "law.go", run: "TestSimulation$", env: "SEEDS=2000",
			edits: swap(saleUnsure, "Restart: {to: localapi.StateLapsed}, Cancel: {to: localapi.StateCancelled},")},
		mutant{name: "sale/timeout-lapses", wrong: "a charge whose answer is late is shown as not paid", file: "law.go", run: "TestSimulation$", env: "SEEDS=2000",
			edits: swap("Overdue: {localapi.StateUnknown, wire.KindFence},\n\t\tRestart: {localapi.StateUnknown, wire.KindFence}, Cancel: {localapi.StateCancelling, wire.KindCancel},\n\t\tFenced",
				"Overdue: {to: localapi.StateLapsed},\n\t\tRestart: {localapi.StateUnknown, wire.KindFence}, Cancel: {localapi.StateCancelling, wire.KindCancel},\n\t\tFenced")},
		mutant{name: "sale/cancel-forgets", wrong: "a cancelled sale is charged and nobody undoes it", file: "law.go", run: "TestSimulation$", env: "SEEDS=2000",
			edits: swap(saleLeft, "Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {to: localapi.StateCancelled},\n\t\tFenced: {to: localapi.StateLapsed}, Refused: {localapi.StateUnknown, wire.KindFence},")},
		mutant{name: "sale/expired-code-leaves", wrong: "a code that belongs to the past is charged", file: "law.go", run: "TestACodeNeverLeavesPastItsLife",
			edits: swap(`case n.Event == Leave && at.Sub(s.Scanned) >= r.CodeLife:`, `case false:`)},
		mutant{name: "sale/amount-not-compared", wrong: "one yuan paid shows a sale of hundred as paid", file: "law.go", run: "TestAnotherPaymentOrAmount",
			edits: swap(`case n.Event == Approved && n.Amount != 0 && n.Amount != s.Amount.Fen():`, `case false:`)},
		mutant{name: "sale/contradiction-believed", wrong: "a garbled word of the hub shows as paid", file: "sale.go", run: "TestWhatTheHubTells",
			edits: swap(`if n.Event == "" || r.Outcome != r.Status.Outcome() ||`, `if n.Event == "" ||`)},
	),
	in("agent/internal/till",
		mutant{name: "till/told-before-commit", wrong: "the screen says paid, the journal never heard of it", file: "till.go", run: "TestNothingIsTold",
			edits: swap("\trow := store.Row{Sale: after, Seq: before.Seq}\n", "\trow := store.Row{Sale: after, Seq: before.Seq}\n\tt.remember(h, row)\n\tt.tellSale(h.row)\n")},
		mutant{name: "till/sends-without-journal", wrong: "a charge leaves that no restart will know of", file: "hub.go", run: "TestAFailingJournal",
			edits: swap(`if !ok || t.broken != nil {`, `if !ok {`)},
		mutant{name: "till/storage-error-is-an-answer", wrong: "the cashier is told no of a change that may be stored", file: "till.go", run: "TestAFailingJournal",
			edits: swap(`return fault.Wrap(err, fault.InDoubt, "till.journal",`, `return fault.Wrap(err, fault.Invalid, "till.journal",`)},
		mutant{name: "till/expired-code-listed", wrong: "a code that belongs to the past is charged", file: "hub.go", run: "TestAnExpiredCodeDoesNotLeave",
			edits: swap(`if h.code.IsZero() || age >= t.cfg.Rules.CodeLife {`, `if h.code.IsZero() {`)},
		mutant{name: "till/code-journalled", wrong: "a stolen till gives away payment codes", file: "sales.go", run: "TestTheCodeDiesWithTheMemory",
			edits: swap(`s := sale.New(saleID, orderNo, n.Subject, amount, now)`, `s := sale.New(saleID, orderNo, n.Subject+n.Code, amount, now)`)},
		mutant{name: "till/code-scanned-twice", wrong: "one customer's code pays for two sales", file: "sales.go", run: "TestScansThatNoSaleCanUse",
			edits: swap("if usedBy != \"\" {\n\t\treturn refuse(\"duplicate\", codeUsed())", "if usedBy == \"nobody\" {\n\t\treturn refuse(\"duplicate\", codeUsed())")},
		mutant{name: "till/order-sold-twice", wrong: "pressing the key twice charges the order twice", file: "sales.go", run: "TestTheSameOrderAgain|TestFiftyEqualRequests",
			edits: swap(`if ok && (!last.State.Final() || last.State == localapi.StatePaid) {`, `if ok && !last.State.Final() {`)},
		mutant{name: "till/skipped-not-asked-about", wrong: "a sale whose end a copied till took stays open for minutes", file: "hub.go", run: "TestMessagesTakenByAnother",
			edits: swap(`if _, waits := t.cfg.Rules.Due(h.row.Sale); !waits || h.row.Asking != "" {`, `if true {`)},
		mutant{name: "till/hub-message-skipped", wrong: "the till says it stored a result that it never saw", file: "hub.go", run: "TestTheHubsMessages",
			edits: swap(`if e.Seq == 0 || e.Seq != t.down+1 {`, `if e.Seq == 0 {`)},
	),
	in("agent/internal/scanner",
		mutant{name: "scanner/double-scan", wrong: "one press of the trigger is two payments", file: "repeat.go", run: "TestRepeats",
			edits: swap(`again = known && now.Sub(s.read) < within`, `again = false && known && now.Sub(s.read) < within`)},
		mutant{name: "scanner/NUL-cleaned", wrong: "line noise turns one customer's code into another's", file: "framer.go", run: "TestFrames",
			edits: swap("\tdefault:\n\t\tf.open, f.flaw = true, garbled\n", "\tcase b == nul:\n\tdefault:\n\t\tf.open, f.flaw = true, garbled\n")},
		mutant{name: "scanner/glued-frames", wrong: "the end of one code and the start of the next are read as a third", file: "framer.go", run: "TestFrames|TestReset",
			edits: swap(`f.buf, f.open, f.flaw, f.ends = f.buf[:0], false, sound, false`, `f.flaw, f.ends = sound, false`)},
	),
)

// linkBugs are in the till's way to the hub.
var linkBugs = in("agent/internal/hublink",
	mutant{name: "link/forged-result", wrong: "whoever reaches the broker tells a till that it was paid", file: "talk.go", run: "TestForgedMessagesAreIgnored",
		edits: swap("\tif err != nil {\n\t\tt.l.Log.Warn(\"a message that is not the hub's", "\tif err != nil && e.Kind == \"\" {\n\t\tt.l.Log.Warn(\"a message that is not the hub's")},
	mutant{name: "link/delivered-twice", wrong: "a repeated message of the hub is a second event", file: "talk.go", run: "TestReceivesEachOnceInOrder",
		edits: swap(`case e.Seq == have+1:`, `case e.Seq <= have+1:`)},
	mutant{name: "link/gap-taken", wrong: "a lost result is never asked for again", file: "talk.go", run: "TestReceivesEachOnceInOrder",
		edits: []edit{{`case e.Seq == 0 || e.Seq > have+1:`, `case e.Seq == 0:`}, {`case e.Seq == have+1:`, `case e.Seq > have:`}}},
	mutant{name: "link/gap-not-asked-about", wrong: "a till whose copy took its messages waits for them until it is restarted", file: "talk.go", run: "TestGreetsAgainOverAGap",
		edits: swap(`		t.gap = now
		return t.sendHello()`, `		t.gap = now
		return nil`)},
	mutant{name: "link/stale-clock", wrong: "a till with a slow clock gives its codes a longer life", file: "talk.go", run: "TestReadsTheHubsClock",
		edits: swap(`e.Exp = m.Exp.Add(t.l.clock.offset)`, `e.Exp = m.Exp`)},
	mutant{name: "link/leaving-not-asked", wrong: "a withdrawn charge leaves after all", file: "talk.go", run: "TestLeavingKeepsAMessageHere",
		edits: swap(`if !t.l.till.Leaving(m.Seq) {`, `if !t.l.till.Leaving(m.Seq) && m.Kind == wire.KindFence {`)},
)
