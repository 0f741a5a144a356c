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
		if err := e.endException(tx, payment.Exception{Payment: after.ID, Kind: kind}, "hub", payment.Settled, provenBy+string(event.Kind), now); err != nil {
			return err
		}
	}
	a := after.Attempt
	for _, x := range opened {
		err := e.openException(tx, x, knownBody{Status: after.Status, Outcome: after.Outcome(), Attempt: a.Status, Event: string(event.Kind),
			Cause: a.Cause, Channel: a.Channel, OutTradeNo: a.OutTradeNo, WalletRef: a.WalletRef, Amount: after.Amount.Fen(), Tries: a.Tries,
			SentAt: a.Sent.UTC()})
		if err != nil {
			return err
		}
	}
	return nil
}

const provenBy = "ended by the wallet's proof: "

// about is the entity whose doubt an exception is.
func about(x payment.Exception) string {
	if x.Refund != "" {
		return x.Refund
	}
	return x.Payment
}

func (e *Engine) openException(tx *store.Tx, x payment.Exception, body any) error {
	known, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("exception of %s: %w", about(x), err)
	}
	x.ID, x.Known = e.IDs.New(prefixException), string(known)
	fresh, err := tx.OpenException(x)
	if err != nil || !fresh {
		return err
	}
	tx.AfterCommit(func() {
		e.Log.Warn("exception opened", logs.Payment, about(x), "exception", x.ID, logs.Kind, x.Kind, "owner", x.Owner, "matter", x.Matter)
	})
	return tx.Append(store.Event{Entity: about(x), Kind: "exception.opened", Cause: "engine", At: x.Opened,
		Body: map[string]any{"exception": x.ID, "kind": x.Kind, "matter": x.Matter, "owner": x.Owner}})
}

// endException resolves the open exception about the same entity and of the same kind, if there is one.
func (e *Engine) endException(tx *store.Tx, x payment.Exception, by string, d payment.Decision, note string, now time.Time) error {
	ended, err := tx.EndException(x.Payment, x.Refund, x.Kind, by, d, note, now)
	if err != nil || ended == "" {
		return err
	}
	tx.AfterCommit(func() {
		e.Log.Info("exception resolved", logs.Payment, about(x), "exception", ended, logs.Kind, x.Kind, "by", by)
	})
	return tx.Append(store.Event{Entity: about(x), Kind: "exception.resolved", Cause: by, At: now,
		Body: map[string]any{"exception": ended, "kind": x.Kind, "decision": d, "note": note}})
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
		if v.Payment, err = tx.Payment(x.Payment); err != nil {
			return err
		}
		judge := e.judge
		if x.Refund != "" {
			judge = e.judgeRefund
		}
		if v.Confirm, err = judge(tx, j, x, &v, now); err != nil || v.Confirm != "" {
			return err
		}
		v.Exception, err = tx.Exception(x.ID)
		return err
	})
	return v, err
}

// judge decides about a payment, and stores what it needs next once the judgement is confirmed;
// before, it gives the word to confirm with.
func (e *Engine) judge(tx *store.Tx, j Judgement, x payment.Exception, v *Verdict, now time.Time) (word string, err error) {
	before, rules := v.Payment, e.rules(v.Payment)
	after, err := payment.Decide(before, x.Kind, j.Decision, rules, now)
	if err != nil {
		return "", err
	}
	a := before.Attempt
	if word, err = confirm(j, "%s %s %d %d", before.Status, a.Status, a.Undoing.UnixMilli(), a.WrittenOff.UnixMilli()); word != "" || err != nil {
		return word, err
	}
	if err := tx.SavePayment(&after); err != nil {
		return "", err
	}
	v.Payment = after
	if err := e.judged(tx, j, x, now); err != nil {
		return "", err
	}
	return "", e.schedule(tx, after, rules)
}

// judged records a confirmed judgement.
func (e *Engine) judged(tx *store.Tx, j Judgement, x payment.Exception, now time.Time) error {
	if err := tx.Append(store.Event{Entity: about(x), Kind: "exception.judged", Cause: j.By, At: now,
		Body: map[string]any{"exception": x.ID, "kind": x.Kind, "decision": j.Decision, "note": j.Note}}); err != nil {
		return err
	}
	if !j.Decision.Ends() {
		return nil
	}
	return e.endException(tx, x, j.By, j.Decision, j.Note, now)
}

// confirm holds a judgement against the word for it and one state of the matter: the word when none
// was said, an error when it does not fit.
func confirm(j Judgement, format string, state ...any) (word string, err error) {
	sum := sha256.Sum256(fmt.Appendf(fmt.Appendf(nil, "%q %q %q %q ", j.Exception, j.By, j.Note, j.Decision), format, state...))
	switch word = hex.EncodeToString(sum[:4]); j.Confirm {
	case "":
		return word, nil
	case word:
		return "", nil
	}
	return "", fault.New(fault.Conflict, "exception.confirm", "the word does not fit: the matter moved or the decision is another one; ask again without --confirm")
}
