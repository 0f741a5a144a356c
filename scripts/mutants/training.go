package main

import "slices"

// trainingBugs are in the training mode of the till.
var trainingBugs = slices.Concat(
	in("agent/agentd",
		mutant{name: "training/real-journal", wrong: "a training sale stands in the real journal and is copied to the hub", file: "training.go", run: "TestTrainingTouches",
			edits: swap(`	if m.train != nil {
		return m.train.till, m.over, m.mu.RUnlock
	}
	return m.real`, `	return m.real`)},
		mutant{name: "training/beside-a-doubt", wrong: "a doubt about real money is behind a screen of training", file: "training.go", run: "TestTrainingWaits",
			edits: swap(`open := m.real.Status().OpenSales; open > 0`, `open := m.real.Status().OpenSales; open > 1000`)},
		mutant{name: "training/left-behind", wrong: "what was sold in training last week is there again today", file: "training.go", run: "TestTrainingTouches",
			edits: swap(`	m.Log.Info("training ends", logs.Terminal, m.who.Terminal)
	return m.clean()`, `	m.Log.Info("training ends", logs.Terminal, m.who.Terminal)
	return nil`)},
		mutant{name: "training/stream-goes-on", wrong: "the screen shows training as real money until somebody looks twice", file: "training.go", run: "TestTrainingTouches", hangs: true,
			edits: swap(`	close(m.over)
`, ``)},
	),
	in("agent/internal/localapi",
		mutant{name: "training/real-paper", wrong: "a receipt of real money is printed from a training screen", file: "training.go", run: "TestTrainingTouches", tests: "agent/agentd",
			edits: swap(`t.Training() && !trained[pattern]`, `t.Training() && pattern == ""`)},
	),
	in("agent/internal/till",
		mutant{name: "training/looks-real", wrong: "a training sale cannot be told from a real one", file: "watch.go", run: "TestTheAmount", tests: "agent/internal/rehearsal",
			edits: swap(`v.Training = t.cfg.Training`, `v.Training = false`)},
	),
	in("agent/internal/rehearsal",
		mutant{name: "training/stopped-is-paid", wrong: "a trainee learns that a stopped sale is paid", file: "rehearsal.go", run: "TestWhatElse",
			edits: swap(`	r.due = slices.DeleteFunc(r.due, func(l line) bool { return l.key == key })
`, ``)},
	),
	in("tui/internal/console",
		mutant{name: "training/sales-mix", wrong: "real sales stand under the head of training", file: "training.go", run: "TestTheModes",
			edits: swap(`d.Book, d.Returns, d.Dialogs = screen.NewBook(), screen.NewReturns(), nil`, `d.Returns, d.Dialogs = screen.NewReturns(), nil`)},
		mutant{name: "training/no-frame", wrong: "training looks like selling", file: "training.go", run: "TestEveryScreen",
			edits: swap(`	if !m.training {
		return view
	}`, `	if !m.training || m.h < 24 {
		return view
	}`)},
	),
	in("tui/internal/screen",
		mutant{name: "training/paid-means-paid", wrong: "a screen that has not heard of training yet tells the cashier to hand over", file: "training.go", run: "TestTheModes", tests: "tui/internal/console",
			edits: swap(`return t.d.Status.Training || s.Training`, `return t.d.Status.Training`)},
	),
)
