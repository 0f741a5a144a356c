package main

import "slices"

// chain gives bugs to the simulation of the whole chain, which must see them from outside: it knows the doors, the
// disks and the wallets' truth, and no rule of the product.
func chain(folder string, bugs ...mutant) []mutant {
	for i := range bugs {
		b := &bugs[i]
		b.tests, b.run, b.env, b.long = "scripts/simtest/world", "TestSimulation$", "SIM_SEEDS=300", true
	}
	return in(folder, bugs...)
}

// chainBugs are those that need crashes, power cuts, a bad line or two hubs to do harm.
var chainBugs = slices.Concat(
	chain("shared/sqlite",
		mutant{name: "chain/synchronous-normal", wrong: "a power cut forgets payments that were acknowledged", file: "sqlite.go",
			edits: swap(`_journal_mode=WAL&_synchronous=FULL&`, `_journal_mode=WAL&_synchronous=NORMAL&`)},
		mutant{name: "chain/answer-before-commit", wrong: "a payment is told, and a charge leaves, before it is stored", file: "group.go",
			edits: []edit{
				{"\tif err == nil {\n\t\tif len(batch) == 1 && errs[0] != nil {", "\tfor i, j := range batch {\n\t\tj.err <- errs[i]\n\t}\n\tif err == nil {\n\t\tif len(batch) == 1 && errs[0] != nil {"},
				{"\t\tfor _, j := range batch {\n\t\t\tj.err <- fault.Wrap(cause, fault.InDoubt, \"storage.commit\", \"the record may or may not be stored\")\n\t\t}\n", ""},
				{"\tfor i, j := range batch {\n\t\tj.err <- errs[i]\n\t}\n\treturn nil\n}", "\treturn nil\n}"},
			}},
		mutant{name: "chain/commit-error-ignored", wrong: "acknowledged payments are not on the disk", file: "group.go",
			edits: swap(`err = db.writer.exec("COMMIT")`, `_ = db.writer.exec("COMMIT")`)},
	),
	chain("agent/internal/sale",
		mutant{name: "chain/restart-lapses", wrong: "a charge that left before a power cut is shown as not paid", file: "law.go",
			edits: swap(saleUnsure, "Restart: {to: localapi.StateLapsed}, Cancel: {to: localapi.StateCancelled},")},
		mutant{name: "chain/till-timeout-lapses", wrong: "a charge whose answer is late is shown as not paid", file: "law.go",
			edits: swap("Overdue: {localapi.StateUnknown, wire.KindFence},\n\t\tRestart: {localapi.StateUnknown, wire.KindFence}, Cancel: {localapi.StateCancelling, wire.KindCancel},\n\t\tFenced",
				"Overdue: {to: localapi.StateLapsed},\n\t\tRestart: {localapi.StateUnknown, wire.KindFence}, Cancel: {localapi.StateCancelling, wire.KindCancel},\n\t\tFenced")},
		mutant{name: "chain/cancel-forgets", wrong: "a cancelled sale is charged and nobody undoes it", file: "law.go",
			edits: swap(saleLeft, "Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {to: localapi.StateCancelled},\n\t\tFenced: {to: localapi.StateLapsed}, Refused: {localapi.StateUnknown, wire.KindFence},")},
	),
	chain("agent/internal/till",
		mutant{name: "chain/till-told-before-commit", wrong: "the screen says paid, the journal never heard of it", file: "till.go",
			edits: swap("\trow := store.Row{Sale: after, Seq: before.Seq}\n", "\trow := store.Row{Sale: after, Seq: before.Seq}\n\tt.remember(h, row)\n\tt.tellSale(h.row)\n")},
		mutant{name: "chain/code-scanned-twice", wrong: "one customer's code pays for two sales", file: "sales.go",
			edits: swap("if usedBy != \"\" {\n\t\treturn refuse(\"duplicate\", codeUsed())", "if usedBy == \"nobody\" {\n\t\treturn refuse(\"duplicate\", codeUsed())")},
		mutant{name: "chain/order-sold-twice", wrong: "pressing the key twice charges the order twice", file: "sales.go",
			edits: swap(`if ok && (!last.State.Final() || last.State == localapi.StatePaid) {`, `if ok && !last.State.Final() {`)},
	),
	chain("agent/internal/hublink",
		mutant{name: "chain/copy-presumed", wrong: "rows of a journal that were lost on the way are never copied", file: "upload.go",
			edits: swap(`case !u.known || s.Through < u.through: //`, `case !u.known && s.Through > 0 && u.through == 0: //`)},
	),
	chain("hub/internal/broker",
		mutant{name: "chain/ack-deletes-the-next", wrong: "a result is forgotten that the till never got", file: "session.go",
			edits: swap("\tif err := s.b.Mailbox.Acknowledge(s.known.ID, o.ack); err != nil {\n\t\treturn false, s.retry(o, err)\n\t}\n\ts.floor", "\tif err := s.b.Mailbox.Acknowledge(s.known.ID, o.ack+1); err != nil {\n\t\treturn false, s.retry(o, err)\n\t}\n\ts.floor")},
	),
	chain("hub/internal/store",
		mutant{name: "chain/lease-without-fencing", wrong: "two hubs write at once: one of them reverses what the other has shown as paid", file: "lease.go",
			edits: swap(`if now == epoch {`, `if now >= epoch {`)},
		mutant{name: "chain/lease-taken-from-the-living", wrong: "a hub that works is pushed aside again and again", file: "lease.go",
			edits: swap(`if l.Epoch > 0 && l.Holder != holder && at.Before(l.Expires) {`, `if l.Epoch > 0 && l.Holder != holder && at.Before(l.Expires.Add(-life)) {`)},
	),
	chain("hub/internal/engine",
		mutant{name: "chain/send-before-store", wrong: "a charge leaves that no restart will know of", file: "collect.go",
			edits: []edit{
				{"\tminted := p.ID\n\te.enter(minted)\n", "\tminted := p.ID\n\te.enter(minted)\n\tearly := p\n\te.spawn(p.ID, func() { defer e.leave(early.ID); e.perform(early, payment.TaskSubmit, a.Code) })\n"},
				{"\t\tdefer e.leave(p.ID)\n\t\te.perform(p, payment.TaskSubmit, a.Code)\n", ""},
			}},
		mutant{name: "chain/retry-new-number", wrong: "the customer is charged twice under two numbers", file: "step.go",
			edits: swap("answer := e.call(way, p, task, code)\n", "answer := e.call(way, p, task, code)\n\tif task == payment.TaskSubmit && answer.Finding == channel.Unknown {\n\t\tp.Attempt.OutTradeNo = e.IDs.OutTradeNo()\n\t\tanswer = e.call(way, p, task, code)\n\t}\n")},
		mutant{name: "chain/begun-work-repeated", wrong: "a charge under way at a crash is taken as never sent", file: "engine.go",
			edits: swap(`e.apply(tx, p, cause, payment.Event{Kind: payment.Lose}, now)`, `e.apply(tx, p, "restart", payment.Event{Kind: payment.Busy}, now)`)},
		mutant{name: "chain/fence-ignored", wrong: "a delayed charge arrives after the till was told it never will", file: "collect.go",
			edits: swap(`if fenced {`, `if false && fenced {`)},
		mutant{name: "chain/fence-not-stored", wrong: "a delayed charge arrives after the till was told it never will", file: "till.go",
			edits: swap(`if err := tx.PutFence(t.ID, key, now); err != nil {`, `if err := error(nil); err != nil {`)},
		mutant{name: "chain/clock-followed", wrong: "a hub whose clock is set leaves its payments alone for a day", file: "engine.go",
			edits: swap("\te.Now = e.clock.now\n", "")},
		mutant{name: "chain/time-before-trusted", wrong: "a clock set between two runs closes a payment that the customer made", file: "clock.go",
			edits: swap(`if !at.IsZero() && at.Before(since) {`, `if false && at.Before(since) {`)},
	),
	chain("hub/internal/payment",
		mutant{name: "chain/timeout-declines", wrong: "a charge whose answer is lost is shown as declined", file: "plan.go",
			edits: swap(`e := Event{Kind: Lose, WalletRef: a.WalletRef, Differs`, `e := Event{Kind: Refuse, WalletRef: a.WalletRef, Differs`)},
		mutant{name: "chain/absent-without-travel", wrong: "\"no such order\" closes a payment while the charge is on its way", file: "plan.go",
			edits: swap(`case asked.Before(p.Attempt.Sent.Add(r.Travel)):`, `case asked.Before(p.Attempt.Sent):`)},
		mutant{name: "chain/late-success-dropped", wrong: "money that arrives after the end is kept and nobody knows", file: "law.go",
			edits: swap(`Approve: pay.StatusReversing, Refuse: pay.StatusReversed,`, `Approve: pay.StatusReversed, Refuse: pay.StatusReversed,`)},
		mutant{name: "chain/no-looks", wrong: "a charge booked after the reversal is never found", file: "plan.go",
			edits: swap(`if !a.Sent.IsZero() && a.Checks < len(checks) && a.Tries < checksMost {`, `if a.Checks > len(checks) && a.Tries < checksMost {`)},
		mutant{name: "chain/told-outcome-changes", wrong: "paid on the receipt becomes not paid in the books", file: "law.go",
			edits: swap("\tif p.Final() {\n\t\treturn p\n\t}\n", "")},
	),
)
