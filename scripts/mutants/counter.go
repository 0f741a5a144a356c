package main

import "slices"

// counterBugs are in what customers see and hear, and in the devices that tell them.
var counterBugs = slices.Concat(
	in("agent/internal/spell",
		mutant{name: "counter/zero-swallowed", wrong: "10.01 and 11.00 sound alike", file: "spell.go", run: "TestAmounts|TestEveryAmount",
			edits: swap(`out = append(out, Point, digits[fen/10])`, `out = append(out, Point)
		if fen >= 10 {
			out = append(out, digits[fen/10])
		}`)},
		mutant{name: "counter/wan-without-zero", wrong: "10,010 is said as 11,000 is", file: "spell.go", run: "TestAmounts|TestEveryAmount",
			edits: swap(`if len(out) > 0 && (gap || part < 1000) {`, `if len(out) > 0 && gap {`)},
	),
	in("agent/internal/voice",
		mutant{name: "counter/spoken-late", wrong: "a payment of a minute ago is announced, and the next customer walks out with the goods", file: "voice.go", run: "TestNeverLate",
			edits: swap(`age < 0 || age > Life {`, `age < -Life {`)},
		mutant{name: "counter/slow-result-spoken", wrong: "a result that was lost for minutes is announced to whoever stands there", file: "voice.go", run: "TestNeverLate",
			edits: swap(`waited < 0 || waited > waitMost {`, `waited < 0 {`)},
		mutant{name: "counter/spoken-twice", wrong: "one payment is heard as two", file: "voice.go", run: "TestOnlyWhatIsStoredAsPaid",
			edits: swap("\tfor through = after; ; {", "\tfor through = v.since; ; {")},
		mutant{name: "counter/hung-player", wrong: "one hung player and no payment is ever heard again", file: "player.go", run: "TestAHungPlayer", hangs: true,
			edits: swap(`ctx, cancel := context.WithTimeout(ctx, p.most)`, `ctx, cancel := context.WithCancel(ctx)`)},
	),
	in("agent/internal/store",
		mutant{name: "counter/recovered-spoken", wrong: "after a power cut old payments are announced to new customers", file: "announce.go", run: "TestNotAfterARestart", tests: "agent/internal/voice",
			edits: swap(`b.seq <= ? AND json_extract(b.body, '$.state') <> 'waiting')`, `b.seq <= ? AND json_extract(b.body, '$.state') = 'none')`)},
		mutant{name: "counter/doubt-spoken", wrong: "a payment that nobody has proven is announced", file: "announce.go", run: "TestOnlyWhatIsStoredAsPaid", tests: "agent/internal/voice",
			edits: []edit{{`json_extract(e.body, '$.state') = 'paid'`, `json_extract(e.body, '$.state') IN ('paid', 'accepted')`}, {`AND s.state = 'paid'`, ``}}},
	),
	in("shared/announce",
		mutant{name: "counter/forged-announcement", wrong: "whoever is in the shop's network makes the speaker say that money came", file: "announce.go", run: "TestSealed",
			edits: swap(`if err != nil || !hmac.Equal(given, sign(body, key)) {`, `if err != nil || len(given) == 0 {`)},
		mutant{name: "counter/replayed-announcement", wrong: "a recorded announcement is played again and again", file: "announce.go", run: "TestWhatASpeakerTakes", tests: "firmware-sim/speaker",
			edits: swap(`if known == id {`, `if known == "" {`)},
	),
	in("agent/internal/display",
		mutant{name: "counter/doubt-is-paid", wrong: "the customer is shown PAID while nobody knows", file: "scene.go", run: "TestWhatIsTold|TestASale",
			edits: swap(`localapi.StateAccepted:   {Working, false},`, `localapi.StateAccepted:   {Paid, true},`)},
		mutant{name: "counter/old-result-shown", wrong: "a display that is plugged in again shows PAID to the wrong customer", file: "display.go", run: "TestUnplugged",
			edits: swap(`d.since.IsZero() || holds <= 0 {`, `holds <= -1<<62 {`)},
		mutant{name: "counter/half-amount", wrong: "a display of eight digits shows a part of the amount", file: "profile.go", run: "TestEveryProfilesBytes",
			edits: swap(`figures = tooMany`, `figures = figures[:len(testDigits)+1]`)},
		mutant{name: "counter/half-command", wrong: "a picture in the middle of another garbles both", file: "session.go", run: "TestADisplayThatHangs",
			edits: swap(`		if len(s.pending) == 0 {
			if bytes`, `		if len(s.pending) >= 0 {
			if bytes`)},
	),
	in("agent/internal/printer",
		mutant{name: "counter/drawer-untold", wrong: "a drawer is opened and no record says so", file: "trial.go", run: "TestTheCounter", tests: "agent/agentd",
			edits: swap(`return tx.Append("", eventTested, struct{}{}, s.Now())`, `return nil`)},
	),
)
