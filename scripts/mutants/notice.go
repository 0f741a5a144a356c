package main

import "slices"

// noticeBugs are on the way of wallets' notices.
var noticeBugs = slices.Concat(
	in("hub/internal/channel/wechat",
		mutant{name: "notice/wechat-pay-unsigned", wrong: "anybody's notice has the wallet asked", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`case sign == "" || !c.sign.matches(got, sign):`, `case sign == "":`)},
		mutant{name: "notice/wechat-merchant-not-compared", wrong: "another merchant's notice is taken for ours", file: "partner.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`&& got.get("mch_id") == c.mchID`, ``)},
		mutant{name: "notice/wechat-padding", wrong: "a notice under another key opens as noise", file: "notice.go", run: "TestNoticeVector",
			edits: swap(`if pad < 1 || pad > aes.BlockSize {`, `if pad = 1 + pad%aes.BlockSize; pad < 0 {`)},
	),
	in("hub/internal/channel/alipay",
		mutant{name: "notice/alipay-unsigned", wrong: "anybody's notice has the wallet asked", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`if err := c.genuineNotice(got); err != nil {`, `if err := c.genuineNotice(got); err != nil && got["sign"] == "" {`)},
		mutant{name: "notice/alipay-seller-not-compared", wrong: "money that went to somebody else is taken for ours", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`, got["seller_id"] != c.sellerID:`, `:`)},
		mutant{name: "notice/alipay-sum-is-part", wrong: "a second refund's notice is refused for ever", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`n.Amount.Fen() > n.BackAmount.Fen() {`, `n.Amount.Fen() >= n.BackAmount.Fen() {`)},
		mutant{name: "notice/alipay-takes-all", wrong: "Alipay is told \"taken\" of what was not, and is silent", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged|TestTaken",
			edits: swap(`	text := "fail"
	if took {`, `	text := "fail"
	if took || !took {`)},
	),
	in("hub/internal/channel/unionpay",
		mutant{name: "notice/unionpay-unsigned", wrong: "anybody's notice has the wallet asked", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`if err := c.trust.verify(got, c.now()); err != nil {`, `if err := c.trust.verify(got, c.now()); err != nil && got.get("signature") == "" {`)},
		mutant{name: "notice/unionpay-merchant-not-compared", wrong: "another merchant's notice is taken for ours", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`case got.get("merId") != c.merID, got.get`, `case got.get`)},
		mutant{name: "notice/unionpay-void-without-end", wrong: "a refund of an old payment fails where a refund would do", file: "refund.go", run: "TestSandbox",
			edits: swap(`if k == kindVoid && a.Finding == channel.RefundRefused {`, `if k == kindVoid && a.Finding == channel.RefundRefused && r.SentAt.IsZero() {`)},
	),
	in("hub/internal/engine",
		mutant{name: "notice/is-proof", wrong: "a forged or mistaken notice shows an unpaid order as paid", file: "notice.go", run: "Notice",
			edits: swap(`	if err := tx.SavePayment(&heard); err != nil {
		return "", err
	}`, `	if _, err := e.apply(tx, p, "notice", payment.Event{Kind: payment.Approve, PaidAt: now}, now); err != nil {
		return "", err
	}`)},
		mutant{name: "notice/amount-not-compared", wrong: "a notice of one fen is taken for an order of hundred yuan", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`case n.Amount != p.Amount || other`, `case n.Amount.IsZero() || other`)},
		mutant{name: "notice/refund-amount-not-compared", wrong: "a notice of another sum is taken for our refund", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`!n.Amount.IsZero() && n.Amount != r.Amount:`, `!n.Amount.IsZero() && n.Amount.Fen() > p.Amount.Fen():`)},
		mutant{name: "notice/channel-not-compared", wrong: "one channel's notice speaks of another channel's order", file: "notice.go", tests: "hub/internal/noticedoor", run: "TestForged",
			edits: swap(`return w != nil && p.Attempt.Channel == channelName && (`, `return w != nil && (`)},
		mutant{name: "notice/taken-not-scheduled", wrong: "the wallet is told \"taken\" and nobody asks it", file: "notice.go", run: "Notice",
			edits: swap(`if err != nil || begun {
		return err`, `if err != nil || begun || !begun {
		return err`)},
		mutant{name: "notice/begun-forgotten", wrong: "a crash after a notice pays a second time or forgets a call", file: "notice.go", run: "TestANoticeBeforeTheAnswer",
			edits: swap(`if err != nil || begun {`, `if err != nil || begun && entity == "" {`)},
	),
	in("hub/internal/payment",
		mutant{name: "notice/no-pause", wrong: "whoever repeats a notice has us hammer the wallet", file: "heed.go", run: "TestLooks",
			edits: swap(`return later(at, called.Add(pause))`, `_ = called.Add(pause)
	return at`)},
		mutant{name: "notice/lost-look-forgotten", wrong: "late money is never found when the one answer is lost", file: "heed.go", run: "TestALookWantsAnAnswer",
			edits: swap(`case task == TaskNone && a.Tries < checksMost:`, `case task == TaskNone && a.Tries < 1:`)},
	),
	in("hub/internal/noticedoor",
		mutant{name: "notice/taken-though-not-stored", wrong: "a full disk loses the notice", file: "noticedoor.go", run: "TestTaken",
			edits: swap(`the wallet sends it again", logs.Channel, to.Channel, logs.Err, err)
		return outcomeFailed`, `the wallet sends it again", logs.Channel, to.Channel, logs.Err, err)
		return string(heard)`)},
		mutant{name: "notice/not-verified", wrong: "a notice that the connector refused is looked at all the same", file: "noticedoor.go", run: "TestForged",
			edits: swap(`logs.Channel, to.Channel, logs.Err, err)
		return outcomeForged
	}`, `logs.Channel, to.Channel, logs.Err, err)
		return string(engine.HeardSettled)
	}`)},
	),
)
