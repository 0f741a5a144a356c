package main

// wechatv3Bugs are in the connector of WeChat Pay's API v3.
var wechatv3Bugs = in("hub/internal/channel/wechatv3",
	mutant{name: "wechatv3/timeout-declines", wrong: "a charge whose answer is lost is shown as declined", file: "finding.go", run: "TestHostile",
		edits: swap("\t\ta.Err = err\n\t\treturn a\n\t}\n\treturn unknown(err)\n}\n\nfunc payRefused", "\t\ta.Err = err\n\t\treturn a\n\t}\n\treturn declined(\"\", misconfigured)\n}\n\nfunc payRefused")},
	mutant{name: "wechatv3/server-error-declines", wrong: "a charge that WeChat Pay lost track of is shown as declined", file: "finding.go", run: "TestPayCodes",
		edits: swap("\tcase r.status >= http.StatusInternalServerError: // whatever it says\n", "")},
	mutant{name: "wechatv3/unsigned-refusal", wrong: "whoever answers for WeChat Pay has paid sales shown as declined", file: "call.go", run: "TestUnsignedRefusals",
		edits: swap(`case c.unsigned:`, `case r.code != "":`)},
	mutant{name: "wechatv3/old-answer", wrong: "a recorded answer shows as today's", file: "sign.go", run: "TestSeals",
		edits: swap(`if now.Sub(time.Unix(sec, 0)).Abs() >= window {`, `if now.Before(time.Unix(0, 0)) {`)},
	mutant{name: "wechatv3/amount-not-compared", wrong: "one fen paid shows an order of hundred yuan as paid", file: "finding.go", run: "TestForged",
		edits: swap(`*got.Amount.Total != r.Amount.Fen():`, `*got.Amount.Total < 0:`)},
	mutant{name: "wechatv3/merchant-not-compared", wrong: "a payment to somebody else shows as paid", file: "finding.go", run: "TestForged",
		edits: swap(`case !c.who.ours(got.account, true):
		return doubt("foreign", "the answer is for another merchant")
	case got.OutTradeNo`, `case got.OutTradeNo`)},
	mutant{name: "wechatv3/list-not-verified", wrong: "a certificate that nobody vouches for makes sales paid", file: "trust.go", run: "TestCertificates",
		edits: swap(`if err = errors.New("it is signed with a certificate that is not in it"); key != nil {`, `if key != nil {`)},
	mutant{name: "wechatv3/certificate-for-ever", wrong: "a certificate that ran out is trusted until the next restart", file: "trust.go", run: "TestCertificates",
		edits: swap(`if !ok || !held.until.IsZero() && (now.Before(held.from) || !now.Before(held.until)) {`, `if !ok {`)},
	mutant{name: "wechatv3/undo-anew", wrong: "a shown order that was paid is refunded twice", file: "present.go", run: "TestUndoHasOneNumber",
		edits: swap(`OutRefundNo: r.OutTradeNo + undoSuffix,`, `OutRefundNo: r.OutTradeNo[:20] + undoSuffix,`)},
	mutant{name: "wechatv3/taken-is-undone", wrong: "a customer is told of money that is not back", file: "present.go", run: "TestShown",
		edits: swap("\tcase channel.RefundTaken:\n\t\tif a.Err == nil {\n", "\tcase channel.RefundTaken:\n\t\tif a.Err == nil {\n\t\t\treturn channel.Answer{Finding: channel.Reversed}\n")},
	mutant{name: "wechatv3/notice-of-another-app", wrong: "a notice for another app moves our order", file: "notice.go", run: "TestNoticesRefused",
		edits: swap(`case !named || !c.who.ours(got.account, true):`, `case !named && got.AppID != "" || !c.who.ours(got.account, true):`)},
	mutant{name: "wechatv3/bill-hash-ignored", wrong: "a bill that was changed on the way is reconciled", file: "bill.go", run: "TestBillsRefused",
		edits: swap(`case hex.EncodeToString(sum.Sum(nil)) != hash:`, `case hex.EncodeToString(sum.Sum(nil)) != hash && hash == "":`)},
	mutant{name: "wechatv3/bill-sums-ignored", wrong: "a bill that lacks rows is reconciled", file: "csv.go", run: "TestReadBill",
		edits: swap(`if err != nil || got != want {`, `if err != nil && got != want {`)},
)
