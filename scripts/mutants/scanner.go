package main

import "slices"

// scannerBugs are in the serial scanners of the till.
var scannerBugs = slices.Concat(
	in("agent/internal/scanner",
		mutant{name: "scanner/spoilt-packets", wrong: "a packet that the line has changed is taken, and another code is charged", file: "ssi.go", run: "TestPacketsArrive|FuzzPackets",
			edits: swap(`got != ssiSum(packet) {`, `got != ssiSum(packet) && n == 0 {`)},
		mutant{name: "scanner/repeated-packets", wrong: "a code whose acknowledgement was lost is told as scanned twice", file: "scanner.go", run: "TestARepeatedPacket",
			edits: swap(`if !tell || again && f.again {`, `if !tell {`)},
		mutant{name: "scanner/unheard", wrong: "an SSI scanner sends every code three times and then complains", file: "ssi.go", run: "TestARepeatedPacket",
			edits: swap(`		p.answer(ssiPacket(ssiAck))
		p.decoded(`, `		p.decoded(`)},
		mutant{name: "scanner/guessed-commands", wrong: "a scanner is told what its make does not know, and switches itself to another mode", file: "profile.go", run: "TestBeepsTell",
			edits: swap(`name: "box", chatter: usual,`, `name: "box", chatter: usual, good: []byte("R"),`)},
		mutant{name: "scanner/triggered-once", wrong: "after one misread the scanner stays dark while the customer waits", file: "command.go", run: "TestTheHostTriggers",
			edits: swap(`now.Sub(r.litAt) >= retrigger`, `now.Sub(r.litAt) >= 1000*retrigger`)},
		mutant{name: "scanner/trigger-lost", wrong: "a scanner that was plugged in again stays dark", file: "reader.go", run: "TestTheHostTriggers",
			edits: swap(`r.stare, r.lit, r.answers = stare{}, false, nil`, `r.stare, r.answers = stare{}, nil`)},
		mutant{name: "scanner/stuck-for-ever", wrong: "a scanner that was stuck once is never used again", file: "stare.go", run: "TestAStuckTrigger",
			edits: swap(`case !s.off && s.quiet >= stareQuiet:`, `case !s.off && s.quiet >= stareQuiet && !s.stuck:`)},
		mutant{name: "scanner/stuck-unnoticed", wrong: "a label before the scanner floods the screen", file: "stare.go", run: "TestAStuckTrigger",
			edits: swap(`s.reads >= stareReads && at`, `s.reads >= 1000*stareReads && at`)},
		mutant{name: "scanner/speed-not-kept", wrong: "with the right speed found, the next bad cable moves on from it", file: "speed.go", run: "TestTheSpeedIsFound",
			edits: swap(`s.bad, s.next, s.probing = 0, 0, false`, `s.bad, s.next = 0, 0`)},
		mutant{name: "scanner/emv-inner", wrong: "a long code whose inside was misread is taken for a payment code", file: "emv.go", run: "TestClassify|FuzzEMV",
			edits: swap(`		case emvApplication:
			if !emvNamed(o.value) {`, `		case emvApplication:
			if len(o.value) == 0 {`)},
	),
	in("agent/agentd",
		mutant{name: "scanner/refused-sounds-good", wrong: "a scan in the wrong moment sounds like one that was taken", file: "scans.go", run: "TestTheScannerIsTold",
			edits: swap(`scanners.Beep(s, used)`, `scanners.Beep(s, true)`)},
	),
	in("agent/internal/till",
		mutant{name: "scanner/emv-passed-on", wrong: "UnionPay's long codes are burnt for nothing", file: "sales.go", run: "TestTheScannerIsTold", tests: "agent/agentd",
			edits: swap(`	if code.EMV() {`, `	if code.EMV() && false {`)},
	),
)
