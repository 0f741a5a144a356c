package main

import "slices"

// measureBugs are in what measures and what searches: a figure that flatters, a search that finds nothing.
var measureBugs = slices.Concat(
	in("scripts/internal/counter",
		mutant{name: "measure/omission", wrong: "a hub that stands still for a second shows good waits: nobody counts those who stood in line", file: "load.go", run: "TestAWaitBeginsWhenItIsDue",
			edits: swap("\t\t\tfor at := range came {\n", "\t\t\tfor range came {\n\t\t\t\tat := time.Now()\n")},
		mutant{name: "measure/unsigned", wrong: "answers that nobody signed count as payments", file: "client.go", run: "TestAnAnswerMustBeSigned",
			edits: swap(`if string(g.nonce) != o.nonce || `, `if string(g.nonce) != o.nonce && `)},
		mutant{name: "measure/half-verified", wrong: "a signature over another payment's answer counts for this one", file: "client.go", run: "TestAnAnswerMustBeSigned|TestEachRequestIsSigned",
			edits: swap("\ts.mac.Write(body)\n", "\ts.mac.Write(body[:0])\n")},
	),
	in("scripts/internal/needle",
		mutant{name: "measure/needles-overwritten", wrong: "a private number left behind as DER or in memory is not seen", file: "needle.go", run: "TestEveryFormIsFound",
			edits: swap(`piece := slices.Clone(text[at : at+window])`, `piece := text[at : at+window]`)},
		mutant{name: "measure/across-borders", wrong: "half of what a program prints as base64 is not seen", file: "needle.go", run: "TestEveryFormIsFound",
			edits: swap(`for shift := 0; shift < 3 && `, `for shift := 0; shift < 1 && `)},
	),
	in("scripts/internal/profile",
		mutant{name: "measure/callers-pay", wrong: "the collector's work is counted to whoever took memory last", file: "profile.go", run: "TestPartOfAStack",
			edits: swap(`{"collector of garbage", "runtime.gc"},`, `{"collector of garbage", "runtime.gcBgMarkWorker"},`)},
	),
	in("hub/sandbox/internal/keys",
		mutant{name: "measure/no-room", wrong: "with more merchants than OpenSSL has room for, the pretended wallets answer with errors", file: "signer.go", run: "TestSignatures",
			edits: swap(`s.key, s.err = vault.Go{}.Load(der)`, `return`)},
	),
	in("hub/hubd",
		mutant{name: "measure/endless-profile", wrong: "a profile that nobody ends slows the hub down for an hour", file: "profile.go", run: "TestProfile",
			edits: swap(`span < leastSample || span > maxProfile`, `span < leastSample || span > 1000*maxProfile`)},
	),
)
