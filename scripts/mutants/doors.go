package main

import "slices"

// brokerBugs are in the terminals' door.
var brokerBugs = in("hub/internal/broker",
	mutant{name: "broker/ack-before-commit", wrong: "the hub dies and the till believes its charge is there", file: "receive.go", run: "TestAcknowledgesAfterTheCommit", hangs: true,
		edits: swap(`switch err := b.receive(s, payload); {`, "go func() { _ = b.receive(s, payload) }()\n\tswitch err := error(nil); {")},
	mutant{name: "broker/ack-of-a-failure", wrong: "a charge the store refused is forgotten", file: "receive.go", run: "TestAcknowledgesAfterTheCommit", hangs: true,
		edits: swap("\tif err != nil {\n\t\treturn fault.Wrap(err, fault.Internal, \"broker.desk\"", "\tif err != nil && fault.KindOf(err) == fault.Denied {\n\t\treturn fault.Wrap(err, fault.Internal, \"broker.desk\"")},
	mutant{name: "broker/publish-prefix", wrong: "a stolen till speaks on topics beside its own", file: "hook.go", run: "TestAccess",
		edits: []edit{{`case pk.TopicName != wire.Topic(terminal, wire.Up):`, `case !bytes.HasPrefix([]byte(pk.TopicName), []byte(wire.Topic(terminal, wire.Up))):`}}},
	mutant{name: "broker/subscribe-prefix", wrong: "a stolen till reads more than its own results", file: "hook.go", run: "TestAccess",
		edits: swap(`if topic == wire.Topic(c.Terminal, wire.Down) {`, `if bytes.HasPrefix([]byte(topic), []byte(wire.Topic(c.Terminal, wire.Down))) {`)},
	mutant{name: "broker/any-subscription", wrong: "one till reads every shop's results", file: "hook.go", run: "TestAccess",
		edits: swap("\th.refuse(c, fmt.Errorf(\"subscribe to %.80q\", topic))\n\treturn false", "\th.refuse(c, fmt.Errorf(\"subscribe to %.80q\", topic))\n\treturn true")},
	mutant{name: "broker/will-allowed", wrong: "a dying till forges a command to another one", file: "hook.go", run: "TestConnectRules|TestAccess",
		edits: swap(`case pk.Connect.WillFlag:`, `case false:`)},
	mutant{name: "broker/foreign-client-id", wrong: "a till takes over another one's connection", file: "hook.go", run: "TestConnectRules",
		edits: swap(`case pk.Connect.ClientIdentifier != terminal:`, `case false:`)},
	mutant{name: "broker/retained", wrong: "an old command is obeyed when a till comes back", file: "hook.go", run: "TestAccess",
		edits: swap(`case pk.FixedHeader.Retain:`, `case false:`)},
	mutant{name: "broker/any-certificate", wrong: "whoever signs a certificate is a till", file: "door.go", run: "TestCertificates",
		edits: swap(`config.ClientAuth = tls.RequireAndVerifyClientCert`, `config.ClientAuth = tls.RequireAnyClientCert`)},
	mutant{name: "broker/key-not-compared", wrong: "a certificate of another key passes for the till's", file: "session.go", run: "TestCertificates",
		edits: swap(`case t.ID != who.Terminal || !who.Key.Equal(t.Key):`, `case t.ID != who.Terminal:`)},
	mutant{name: "broker/serial-not-compared", wrong: "a replaced certificate still opens the door", file: "session.go", run: "TestCertificates",
		edits: swap(`case t.Serial != who.Serial:`, `case false:`)},
	mutant{name: "broker/expiry-ignored", wrong: "a charge delayed for an hour is collected from a customer long gone", file: "receive.go", run: "TestExpiredPayIsOfAge",
		edits: swap(`if !e.Exp.IsZero() && now.After(e.Exp) {`, `if false && !e.Exp.IsZero() && now.After(e.Exp) {`)},
	mutant{name: "broker/records-hold-the-line", wrong: "a customer waits until the till's journal is copied", file: "copy.go", run: "TestAPaymentPassesRecords", hangs: true,
		edits: swap("\t\tgo s.copy()\n", "\t\ts.mu.Unlock()\n\t\ts.copy()\n\t\ts.mu.Lock()\n")},
	mutant{name: "broker/records-without-end", wrong: "a till that sends and never listens fills the hub's memory", file: "copy.go", run: "TestAPaymentPassesRecords", hangs: true,
		edits: swap(`if s.closed || len(s.records) >= copyQueue {`, `if s.closed {`)},
	mutant{name: "broker/tickets-of-a-run", wrong: "a restarted hub shakes hands anew with every till of the country", file: "door.go", run: "TestTicketsOutliveARestart",
		edits: swap("\td.rotate()\n", "")},
	mutant{name: "broker/one-address-fills-the-door", wrong: "one stranger keeps every till out", file: "door.go", run: "TestOneAddressNeverKeepsTheOthersOut",
		edits: swap(`min(d.b.MaxPendingPerIP, max(free, fewPending))`, `d.b.MaxPendingPerIP`)},
	mutant{name: "broker/forgotten-not-told", wrong: "a till whose copy took its messages hears no result any more", file: "session.go", run: "TestTellsWhatIsForgotten",
		edits: swap("\t\tif s.floor > o.ack {", "\t\tif false && s.floor > o.ack {")},
	mutant{name: "broker/ack-of-the-future", wrong: "a till's wrong number deletes results it never got", file: "receive.go", run: "TestSendsAgainUntilAcknowledged",
		edits: swap(`if e.Ack > 0 && e.Ack <= s.most.Load() {`, `if e.Ack > 0 {`)},
)

// gatewayBugs are in the merchants' door and in what it keeps.
var gatewayBugs = slices.Concat(
	in("hub/internal/gateway",
		mutant{name: "gateway/signature-prefix", wrong: "a signature is guessed one byte at a time", file: "auth.go", run: "TestAuthentication",
			edits: swap(`matches = hmac.Equal(macOf(with.Secret, text), c.signature)`, `m := macOf(with.Secret, text)
		matches = len(c.signature) > 0 && hmac.Equal(m[:min(len(m), len(c.signature))], c.signature)`)},
		mutant{name: "gateway/body-not-signed", wrong: "the amount is changed on the way", file: "auth.go", run: "TestAuthentication",
			edits: swap(`return append(append(text, body...), '\n')
}

func macOf`, `return append(text, '\n')
}

func macOf`)},
		mutant{name: "gateway/nonce-ignored", wrong: "a recorded request is sent again by a stranger", file: "auth.go", run: "TestReplayedAnswers",
			edits: swap(`o.Used, o.Replayed = fresh, !fresh`, `o.Used, o.Replayed = true, !fresh && false`)},
		mutant{name: "gateway/nonce-forgotten-early", wrong: "a recorded request is fresh again within the window", file: "auth.go", run: "TestReplayedAnswers",
			edits: swap(`c.at.Add(clockWindow + time.Second)}`, `c.at.Add(time.Second)}`)},
		mutant{name: "gateway/clock-window", wrong: "last year's request is taken", file: "auth.go", run: "TestAuthentication",
			edits: swap(`d > clockWindow || d < -clockWindow {`, `d > 1000*clockWindow || d < -1000*clockWindow {`)},
		mutant{name: "gateway/revoked-key", wrong: "a stolen key works for ever", file: "auth.go", run: "TestAuthentication",
			edits: swap(`usable := err == nil && !key.Revoked`, `usable := err == nil`)},
		mutant{name: "gateway/empty-secret", wrong: "a key without a secret is signed for by anybody", file: "auth.go", run: "TestAuthentication|TestAnEmptySecret",
			edits: swap(`usable = len(key.Secret) >= minSecret`, `usable = true`)},
		mutant{name: "gateway/storage-lets-in", wrong: "when the nonces cannot be read everybody passes", file: "auth.go", run: "TestNobodyIsLetInWhenStorageFails",
			edits: swap(`		fresh, err := a.nonces.UseNonce(o.Key, o.Nonce, o.Expires)
		if err != nil {`, `		fresh, err := a.nonces.UseNonce(o.Key, o.Nonce, o.Expires)
		if err != nil && !fresh {`)},
		mutant{name: "gateway/refusals-signed-again", wrong: "a recorded request obtains a second signed answer", file: "door.go", run: "TestRefusedAnswersAreSignedOnce",
			edits: swap(`		r.Pattern = inner.Pattern // for the metrics
		if problem := g.auth.useUp(once); problem != nil {`, `		r.Pattern = inner.Pattern // for the metrics
		if problem := g.auth.useUp(once); problem != nil && once.Used {`)},
		mutant{name: "gateway/code-not-hashed", wrong: "the same order with another customer's code is taken for a repeat", file: "ask.go", run: "TestIdempotency",
			edits: swap(`n.Currency, code.Reveal(), n.Subject,`, `n.Currency, "", n.Subject,`)},
		mutant{name: "gateway/doubt-told-as-known", wrong: "a merchant's program charges again after a storage error", file: "problem.go", run: "TestProblemsGolden",
			edits: swap(`p.RetrySame, p.OutcomeKnown = true, false`, `p.RetrySame, p.OutcomeKnown = true, true`)},
		mutant{name: "gateway/foreign-payment-told", wrong: "one merchant learns another's payments", file: "payments.go", run: "TestMerchantsDoNotSeeEachOther",
			edits: swap("\tif fault.KindOf(err) == fault.NotFound {\n\t\treturn errNoPayment", "\tif fault.KindOf(err) == fault.Denied {\n\t\treturn errNoPayment")},
	),
	in("hub/internal/store",
		mutant{name: "store/numbers-reused", wrong: "after a restore the hub answers under numbers that its tills take for old ones", file: "terminal.go", run: "TestMessagesWaitUntilAcknowledged",
			edits: swap(`if int64(seq) <= last {`, `if int64(seq) <= last || last >= 0 {`)},
		mutant{name: "store/nonce-always-fresh", wrong: "a recorded request is sent again by a stranger", file: "apikey.go", run: "TestANonceIsUsedOnce",
			edits: swap(`return false, nil`, `return true, nil`)},
		mutant{name: "store/nonce-swept-early", wrong: "a recorded request is fresh again within the window", file: "apikey.go", run: "TestSweep",
			edits: swap(`WHERE expires_at < ? LIMIT ?`, `WHERE expires_at > ? LIMIT ?`)},
		mutant{name: "store/key-without-merchant", wrong: "one merchant is answered with another's payment", file: "payment.go", run: "TestKeysAreScoped",
			edits: swap(`"WHERE p.merchant = ? AND p.source = ?`, `"WHERE ? <> '' AND p.source = ?`)},
		mutant{name: "store/key-without-terminal", wrong: "one till is answered with another's payment", file: "payment.go", run: "TestKeysAreScoped",
			edits: swap(`AND p.scope = ? AND p.key = ?"`, `AND ? <> 'x' AND p.key = ?"`)},
		mutant{name: "store/order-without-merchant", wrong: "one merchant's order is refused because of another's", file: "payment.go", run: "TestKeysAreScoped",
			edits: swap(`"WHERE p.merchant = ? AND p.order_no = ? ORDER`, `"WHERE ? <> '' AND p.order_no = ? ORDER`)},
		mutant{name: "store/fence-without-terminal", wrong: "one till fences another's sale", file: "terminal.go", run: "TestAFence",
			edits: swap(`FROM fence WHERE terminal = ? AND key = ?`, `FROM fence WHERE ? <> '' AND key = ?`)},
		mutant{name: "store/fence-not-kept", wrong: "a delayed charge arrives after the till was told it never will", file: "terminal.go", run: "TestAFence",
			edits: swap(`INSERT INTO fence (terminal, key, at) VALUES (?,?,?) ON CONFLICT DO NOTHING`, `DELETE FROM fence WHERE terminal = ? AND key = ? AND at = ?`)},
		mutant{name: "store/revoked-terminal", wrong: "a stolen till goes on charging", file: "terminal.go", run: "TestARevokedTerminal",
			edits: swap(`if err == nil && t.Revoked {`, `if false && t.Revoked {`)},
		mutant{name: "store/messages-lost", wrong: "an acknowledgement deletes results that never arrived", file: "terminal.go", run: "TestMessagesWait",
			edits: swap(`DELETE FROM down WHERE terminal = ? AND seq <= ?`, `DELETE FROM down WHERE terminal = ? AND seq <= ? + 1`)},
		mutant{name: "store/events-unchained", wrong: "an edited event log does not show", file: "event.go", run: "TestEventsAreChained",
			edits: swap(`hash := chain(prev, e, body)`, `hash := chain(nil, e, body)`)},
	),
)
