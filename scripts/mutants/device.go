package main

import "slices"

// deviceBugs are in what keeps a till's machine alive.
var deviceBugs = slices.Concat(
	in("agent/internal/watchdog",
		mutant{name: "watchdog/timer", wrong: "a till that hangs is never started again: the watchdog speaks for a part that is silent", file: "watchdog.go",
			run: "TestOneSilentPart", edits: swap(`		if err != nil {
			silent = append(silent, p.Name)`, `		if err != nil && false {
			silent = append(silent, p.Name)`)},
		mutant{name: "watchdog/ready-early", wrong: "the screen is started before anybody answers it", file: "watchdog.go",
			run: "TestNotReady", edits: swap(`	w.silent = names
	switch {`, `	w.silent = names
	if !w.ready {
		w.ready = true
		w.tell(daemon.SdNotifyReady)
	}
	switch {`)},
		mutant{name: "watchdog/old-answers", wrong: "each round leaves a question behind at a journal that hangs", file: "watchdog.go",
			run: "TestOneQuestion", edits: swap(`		if p.answer == nil {
			answer`, `		{
			answer`)},
	),
	in("agent/internal/store",
		mutant{name: "watchdog/journal-unasked", wrong: "a till whose disk hangs is never started again", file: "ask.go", tests: "agent/agentd", run: "TestAHungJournal",
			edits: swap(`return s.Update(func(*Tx) error { return nil })`, `return nil`)},
	),
)
