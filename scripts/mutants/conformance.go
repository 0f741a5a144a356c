package main

// conformanceBugs make the wallets' SDKs agree with a sandbox that is wrong.
var conformanceBugs = in("scripts/conformance",
	mutant{name: "conformance/amount-not-compared", wrong: "the sandbox books another amount than it tells, and nobody notices", file: "judge.go", run: "TestCompare",
		edits: swap(`open[movement{string(e.Wallet), e.Kind, e.OutTradeNo, e.OutRefundNo, e.Amount}]--`,
			`for m := range open {
			if m.Kind == e.Kind && m.OutTradeNo == e.OutTradeNo && m.OutRefundNo == e.OutRefundNo && m.Wallet == string(e.Wallet) {
				open[m]--
			}
		}`)},
	mutant{name: "conformance/silence-agrees", wrong: "a script that changes nothing finds nothing", file: "judge.go", run: "TestSilence",
		edits: swap(` && (side == "" || r.Changes > 0)`, ``)},
	mutant{name: "conformance/names-not-struck", wrong: "a wallet's answer may have a field under another name", file: "strike.go", run: "TestEveryProtectedByte",
		edits: swap(`if names && value[1] > value[0] {`, `if names && value[1] < value[0] {`)},
	mutant{name: "conformance/sign-not-struck", wrong: "an answer with another signature is never tried", file: "strike.go", run: "TestEveryProtectedByte",
		edits: swap(`at < to-from {
		return flipped(body, from+at), "sign"`, `at < from-to {
		return flipped(body, from+at), "sign"`)},
	mutant{name: "conformance/certificate-always-shown", wrong: "a sandbox that asks nobody for a certificate is not noticed behind the liar", file: "liar.go", run: "TestTheLiar",
		edits: swap(`way := l.plain`, `way := l.shown`)},
)
