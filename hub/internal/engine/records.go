package engine

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

// forkBody is what the event log keeps of two journals under one name.
type forkBody struct {
	Seq  uint64 `json:"seq"`
	Have string `json:"have"` // hashes, hex
	Got  string `json:"got"`
}

const (
	// copyings is how many messages of journals may wait for the writer, or rest, at a time: each is worth
	// ten payments there.
	copyings = 1
	// copyWait is how long one waits for its place; its till asks again after five seconds.
	copyWait = time.Second
	// backlog is how many rows tell that a till was away; a selling one brings four for each sale. Nobody waits for
	// those copies, and they cost processor time in many places, so that the writer rests at least this long after
	// each: what is left is about 3,000 rows a second.
	backlog     = wire.MaxRecords
	backlogRest = 25 * time.Millisecond
)

// Records copies rows of a till's journal, in one transaction, and tells what is stored. Rows that
// contradict the copy are an event and an alarm: two machines write under one name, or an old journal
// was put back. Unavailable: too many are being stored; nothing was, and the till asks again later.
func (e Desk) Records(ctx context.Context, t registry.Terminal, ms ...wire.Records) (s wire.Stored, err error) {
	rows := 0
	for i, m := range ms {
		if err := m.Check(); err != nil { // not stored, and said so: a till with a fault must not lose its line over it
			e.Log.Error("a till's journal comes in a form that cannot be stored: update the agent", logs.Terminal, t.ID, logs.Err, err)
			ms = append(slices.Clone(ms[:i]), wire.Records{})
			break
		}
		rows += len(m.Rows)
	}
	if rows == 0 { // a question: every till that comes back has one, and it needs no commit
		var fork *store.Fork
		err := e.Store.View(func(tx *store.Tx) (err error) {
			s, fork, err = put(tx, t, ms)
			return err
		})
		if err != nil || fork == nil {
			return s, err
		}
	}
	late := time.NewTimer(copyWait)
	defer late.Stop()
	select {
	case e.copying <- struct{}{}:
	case <-ctx.Done():
		return s, fault.Wrap(ctx.Err(), fault.Unavailable, "records.busy", "the hub is stopping")
	case <-late.C:
		return s, fault.New(fault.Unavailable, "records.busy", "too many journals are being copied: the till comes again")
	}
	var fork *store.Fork
	var fresh bool
	now := e.Now()
	took, err := e.Store.UpdateBehind(func(tx *store.Tx) (err error) {
		if s, fork, err = put(tx, t, ms); err != nil || fork == nil {
			return err
		}
		fresh, err = e.noteFork(tx, t, *fork, now)
		return err
	})
	if rows >= backlog {
		took = max(took, backlogRest)
	}
	e.rest(took)
	if err == nil && fork != nil {
		e.Log.Error("ALARM: a till's journal contradicts the copy here: two tills use one identity, or an old journal was put back; compare both before anything is settled",
			logs.Terminal, t.ID, "row", fork.Seq, "stored", s.Through, "new", fresh)
	}
	return s, err
}

// rest gives the writer to customers for a while, then lets the next copying in.
func (e *Engine) rest(d time.Duration) {
	if d <= 0 {
		<-e.copying
		return
	}
	time.AfterFunc(d, func() { <-e.copying })
}

// put stores messages until one contradicts what is there. Without rows it only reads.
func put(tx *store.Tx, t registry.Terminal, ms []wire.Records) (s wire.Stored, fork *store.Fork, err error) {
	for _, m := range ms {
		if s.Through, fork, err = tx.PutRecords(t.ID, m); err != nil {
			return s, fork, err
		}
		if fork != nil {
			s.Fork = fork.Seq
			break
		}
	}
	return s, fork, nil
}

// noteFork writes the event unless it is the terminal's last one: the till tells it again and again.
func (e *Engine) noteFork(tx *store.Tx, t registry.Terminal, f store.Fork, now time.Time) (fresh bool, err error) {
	const kind = "terminal.fork"
	body := forkBody{f.Seq, hex.EncodeToString(f.Have), hex.EncodeToString(f.Got)}
	text, err := json.Marshal(body)
	if err != nil {
		return false, fmt.Errorf("fork of %s: %w", t.ID, err)
	}
	last, err := tx.LastOf(t.ID, kind)
	if err != nil || last == string(text) {
		return false, err
	}
	return true, tx.Append(store.Event{Entity: t.ID, Kind: kind, Body: body, Cause: "till", At: now})
}
