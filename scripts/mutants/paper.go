package main

import "slices"

// paperBugs are in the till's receipts and their printer.
var paperBugs = slices.Concat(
	in("agent/internal/printjob",
		mutant{name: "paper/restart-forgets", wrong: "a power cut in mid-print makes two receipts, and neither says that it is the second", file: "printjob.go", run: "TestEveryCell|TestOnlyTheFirstTry",
			edits: swap(`Printing: {Unsent: Queued, Proven: Done, Lost: Doubt, Restart: Doubt},`, `Printing: {Unsent: Queued, Proven: Done, Lost: Doubt, Restart: Queued},`)},
		mutant{name: "paper/doubt-unmarked", wrong: "two receipts of one payment look like two payments", file: "printjob.go", run: "TestThePowerFails|TestBytesLost", tests: "agent/internal/printer",
			edits: swap(`j.Marked = j.Marked || j.State == Doubt`, `j.Marked = j.Marked && j.State == Doubt`)},
		mutant{name: "paper/endless-tries", wrong: "a broken printer wastes a roll on one receipt", file: "printjob.go", run: "TestOnlyTheFirstTry",
			edits: swap(`j.Attempts >= MaxAttempts:`, `j.Attempts > 100*MaxAttempts:`)},
	),
	in("agent/internal/printer",
		mutant{name: "paper/written-is-printed", wrong: "a receipt that is still in the printer's buffer counts as printed, and a power cut loses it", file: "print.go", run: "TestKilledInMidPrint",
			edits: swap(`return s.answers.echoes[jobEcho(job)]`, `return true`)},
		mutant{name: "paper/late-proof-ignored", wrong: "a receipt that the printer finished after the refill is printed again", file: "session.go", run: "TestKilledInMidPrint",
			edits: swap(`if job.State == printjob.Doubt && s.answers.echoes[jobEcho(job)] {`, `if job.State == printjob.Done && s.answers.echoes[jobEcho(job)] {`)},
		mutant{name: "paper/log-read-twice", wrong: "a restart prints the last receipts again, or ends the agent", file: "spool.go", run: "TestWhatWasPaidBefore",
			edits: swap(`return tx.SetPrintedThrough(through)`, `return nil`)},
		mutant{name: "paper/drawer-for-wallets", wrong: "the cash drawer opens for every payment", file: "spool.go", run: "TestTheDrawer",
			edits: swap(`paid.Tender == api.TenderCash &&`, `paid.Tender != "" &&`)},
		mutant{name: "paper/stale-printed", wrong: "after a refill the printer empties a roll for customers who left an hour ago", file: "spool.go", run: "TestWhatNobodyWaitsFor",
			edits: swap(`for len(list) > 0 && list[0].Stale(p.Now()) {`, `for len(list) > maxWaiting && list[0].Stale(p.Now()) {`)},
	),
	in("agent/internal/gbtext",
		mutant{name: "paper/text-commands", wrong: "a product's name opens the drawer or stops the printer", file: "gbtext.go", run: "TestWhatPrintersCannotShow", tests: "agent/internal/receipt",
			edits: swap(`len(raw) == 0 || unicode.IsControl(r) ||`, `len(raw) == 0 || unicode.IsControl(r) && len(raw) > 1 ||`)},
	),
	in("agent/internal/serialline",
		mutant{name: "paper/scanner-takes-printer", wrong: "a scanner's pattern takes the printer's port, and one of them never works", file: "claims.go", run: "TestClaims",
			edits: swap(`kept = kept || r != path && d.Target == target`, `kept = kept && r != path && d.Target == target`)},
	),
)
