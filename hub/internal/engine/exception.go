package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// prefixException begins an exception's identifier.
const prefixException = "exc"

// knownBody is what was known when an exception was opened.
type knownBody struct {
	Status     pay.Status  `json:"status"`
	Outcome    pay.Outcome `json:"outcome"`
	Attempt    pay.Status  `json:"attempt"`
	Event      string      `json:"event"`
	Cause      string      `json:"cause,omitempty"` // why the attempt is being undone
	Channel    string      `json:"channel"`
	OutTradeNo string      `json:"out_trade_no"`
	WalletRef  string      `json:"wallet_ref,omitempty"`
	Amount     int64       `json:"amount"`
	Tries      int         `json:"tries"`
	SentAt     time.Time   `json:"sent_at"`
}

// notice opens and ends exceptions as the law says, in the transaction that changed the payment.
func (e *Engine) notice(tx *store.Tx, before, after payment.Payment, event payment.Event, refused bool, rules channel.Rules, now time.Time) error {
	opened, ended := payment.Notice(before, after, event, refused, rules, now)
	for _, kind := range ended {
		if err := e.endException(tx, after, kind, "hub", payment.Settled, "ended by the wallet's proof: "+string(event.Kind), now); err != nil {
			return err
		}
	}
	for _, x := range opened {
		if err := e.openException(tx, after, x, event); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) openException(tx *store.Tx, p payment.Payment, x payment.Exception, event payment.Event) error {
	a := p.Attempt
	known, err := json.Marshal(knownBody{Status: p.Status, Outcome: p.Outcome(), Attempt: a.Status, Event: string(event.Kind), Cause: a.Cause,
		Channel: a.Channel, OutTradeNo: a.OutTradeNo, WalletRef: a.WalletRef, Amount: p.Amount.Fen(), Tries: a.Tries, SentAt: a.Sent.UTC()})
	if err != nil {
		return fmt.Errorf("exception of %s: %w", p.ID, err)
	}
	x.ID, x.Known = e.IDs.New(prefixException), string(known)
	fresh, err := tx.OpenException(x)
	if err != nil || !fresh {
		return err
	}
	tx.AfterCommit(func() {
		e.Log.Warn("exception opened", logs.Payment, p.ID, "exception", x.ID, logs.Kind, x.Kind, "owner", x.Owner, "matter", x.Matter)
	})
	return tx.Append(store.Event{Entity: p.ID, Kind: "exception.opened", Cause: "engine", At: x.Opened,
		Body: map[string]any{"exception": x.ID, "kind": x.Kind, "matter": x.Matter, "owner": x.Owner}})
}

func (e *Engine) endException(tx *store.Tx, p payment.Payment, kind payment.ExceptionKind, by string, d payment.Decision, note string, now time.Time) error {
	ended, err := tx.EndException(p.ID, kind, by, d, note, now)
	if err != nil || ended == "" {
		return err
	}
	tx.AfterCommit(func() {
		e.Log.Info("exception resolved", logs.Payment, p.ID, "exception", ended, logs.Kind, kind, "by", by)
	})
	return tx.Append(store.Event{Entity: p.ID, Kind: "exception.resolved", Cause: by, At: now,
		Body: map[string]any{"exception": ended, "kind": kind, "decision": d, "note": note}})
}

// Judgement is what a person decides about an exception.
type Judgement struct {
	Exception string
	By, Note  string
	Decision  payment.Decision
	Confirm   string // the word that the first asking gave; empty: tell only what would happen
}

// Verdict is what a judgement does.
type Verdict struct {
	Exception payment.Exception
	Payment   payment.Payment
	Confirm   string // to be said for it to happen; empty when it has happened
}

// Resolve carries a judgement out in two steps: asked without a Confirm word it changes nothing and
// gives one; asked again with it, it acts, provided that the matter still stands as it did.
func (e *Engine) Resolve(_ context.Context, j Judgement) (v Verdict, err error) {
	if j.By == "" || j.Note == "" || j.By == "hub" || len(j.By) > 64 || len(j.Note) > 1000 {
		return v, fault.New(fault.Invalid, "exception.who", "say who decides (a name of up to 64 bytes) and why (a note of up to 1000)")
	}
	now := e.Now()
	err = e.Store.Update(func(tx *store.Tx) error {
		if v.Exception, err = tx.Exception(j.Exception); err != nil {
			return err
		}
		x := v.Exception
		if !x.Resolved.IsZero() {
			return fault.New(fault.Conflict, "exception.resolved", "%s was resolved by %s already", x.ID, x.By)
		}
		before, err := tx.Payment(x.Payment)
		if err != nil {
			return err
		}
		rules := e.rules(before)
		if v.Payment, err = payment.Decide(before, x.Kind, j.Decision, rules, now); err != nil {
			return err
		}
		word := confirmWord(j, before)
		if j.Confirm == "" {
			v.Confirm = word
			return nil
		}
		if j.Confirm != word {
			return fault.New(fault.Conflict, "exception.confirm", "the word does not fit: the payment moved or the decision is another one; ask again without --confirm")
		}
		if err := e.judge(tx, j, x, v.Payment, rules, now); err != nil {
			return err
		}
		v.Exception, err = tx.Exception(x.ID)
		return err
	})
	return v, err
}

// judge stores a confirmed judgement, and what the payment needs next.
func (e *Engine) judge(tx *store.Tx, j Judgement, x payment.Exception, p payment.Payment, rules channel.Rules, now time.Time) error {
	if err := tx.SavePayment(p); err != nil {
		return err
	}
	if err := tx.Append(store.Event{Entity: p.ID, Kind: "exception.judged", Cause: j.By, At: now,
		Body: map[string]any{"exception": x.ID, "kind": x.Kind, "decision": j.Decision, "note": j.Note}}); err != nil {
		return err
	}
	if j.Decision.Ends() {
		if err := e.endException(tx, p, x.Kind, j.By, j.Decision, j.Note, now); err != nil {
			return err
		}
	}
	return e.schedule(tx, p, rules)
}

// confirmWord stands for one judgement about one state of a payment.
func confirmWord(j Judgement, p payment.Payment) string {
	a := p.Attempt
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %s %s %d %d", j.Exception, j.By, j.Note, j.Decision, p.Status, a.Status,
		a.Undoing.UnixMilli(), a.WrittenOff.UnixMilli()))
	return hex.EncodeToString(sum[:4])
}
