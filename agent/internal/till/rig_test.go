package till_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// hubKey signs what the hub signs.
var (
	hubKey    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	hubPublic = hubKey.Public().(ed25519.PublicKey)
)

// rig is a till on a real journal, with a clock set by hand and the hub's lines said by hand.
type rig struct {
	*testing.T
	path    string
	ids     *id.Source
	elapsed atomic.Int64 // since start
	journal *store.Store
	till    *till.Till
	log     *strings.Builder
	wakes   int
	grown   int    // times the link was told of new events
	syncs   int    // times it was told to hurry
	free    uint64 // bytes on the disk
	asked   int    // times the disk was looked at
	down    uint64 // the hub's sequence
}

var start = time.UnixMilli(1_700_000_000_000).UTC()

func newRig(t *testing.T) *rig {
	r := &rig{T: t, path: filepath.Join(t.TempDir(), store.FileName), log: &strings.Builder{}, free: 1 << 40}
	r.ids = id.NewSource(r.now, rand.NewChaCha8([32]byte{}))
	r.start()
	t.Cleanup(func() { _ = r.journal.Close() })
	return r
}

func (r *rig) now() time.Time { return start.Add(time.Duration(r.elapsed.Load())) }

func (r *rig) pass(d time.Duration) {
	r.elapsed.Add(int64(d))
	r.till.Overdue()
}

func (r *rig) start() {
	r.Helper()
	var err error
	if r.journal, err = store.Open(r.path, rand.NewChaCha8([32]byte{})); err != nil {
		r.Fatal(err)
	}
	r.till, err = till.New(till.Config{Rules: sale.Default, Version: "1", Terminal: "trm_1", Store: "sto_1", Merchant: "mer_1",
		HubKey: hubPublic},
		till.Deps{Now: r.now, Log: slog.New(slog.NewTextHandler(r.log, nil)), IDs: r.ids, Journal: r.journal, Wake: func() { r.wakes++ },
			Grown: func() { r.grown++ }, Sync: func() { r.syncs++ }, Free: func() (uint64, error) { r.asked++; return r.free, nil }})
	if err != nil {
		r.Fatal(err)
	}
	r.till.LinkChanged(hublink.State{Up: true, Since: r.now()})
}

// crash drops the memory; the disk stays.
func (r *rig) crash() {
	r.Helper()
	if err := r.journal.Close(); err != nil {
		r.Fatal(err)
	}
	r.start()
}

func code(n int) string { return fmt.Sprintf("1300000000000000%02d", n) }

func parsed(t *testing.T, text string) pay.Code {
	t.Helper()
	c, err := pay.ParseCode(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *rig) begin(n localapi.NewSale) localapi.Sale {
	r.Helper()
	s, _, err := r.till.NewSale(n)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// charging starts a sale whose charge has left.
func (r *rig) charging(n int) localapi.Sale {
	r.Helper()
	s := r.begin(localapi.NewSale{Amount: 1280, OrderNo: fmt.Sprintf("A-%d", n), Code: code(n)})
	r.leave(s.ID, wire.KindPay)
	return s
}

// leave lets the sale's message leave, as the link does.
func (r *rig) leave(key string, kind wire.Kind) hublink.Message {
	r.Helper()
	for _, m := range r.till.Outgoing() {
		if m.Kind == kind && keyOf(m) == key && r.till.Leaving(m.Seq) {
			return m
		}
	}
	r.Fatalf("no %s of %s is outgoing: %s", kind, key, r.outgoing())
	return hublink.Message{}
}

func keyOf(m hublink.Message) string {
	switch body := m.Body.(type) {
	case wire.Pay:
		return body.Key
	case wire.Fence:
		return body.Key
	case wire.Cancel:
		return body.Key
	case wire.Refund:
		return body.Key
	}
	return ""
}

func (r *rig) outgoing() string {
	var all []string
	for _, m := range r.till.Outgoing() {
		all = append(all, string(m.Kind))
	}
	return strings.Join(all, " ")
}

// hub says something in order.
func (r *rig) hub(kind wire.Kind, body any) {
	r.Helper()
	r.down++
	if err := r.till.Receive(envelope(r.T, r.down, kind, body)); err != nil {
		r.Fatal(err)
	}
}

func envelope(t *testing.T, seq uint64, kind wire.Kind, body any) wire.Envelope {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Envelope{V: 1, Kind: kind, ID: fmt.Sprintf("msg_%d", seq), Seq: seq, Body: raw}
}

func result(key string, status pay.Status) wire.Result {
	return wire.Result{Key: key, PaymentID: "pay_" + key, Status: status, Outcome: status.Outcome(), Amount: 1280, Wallet: pay.WeChat}
}

func tombstone(key string) wire.Result {
	return wire.Result{Key: key, Status: pay.StatusClosed, Outcome: pay.NotPaid, Reason: "fenced"}
}

func (r *rig) want(key string, state localapi.State, outgoing string) localapi.Sale {
	r.Helper()
	s, err := r.till.Sale(key)
	if err != nil {
		r.Fatal(err)
	}
	if s.State != state || s.Outcome != state.Outcome() || r.outgoing() != outgoing {
		r.Errorf("sale is %s (%s), outgoing %q; want %s, %q", s.State, s.Outcome, r.outgoing(), state, outgoing)
	}
	if (s.FinishedAt != nil) != state.Final() || s.Message == "" || s.Reason == "" {
		r.Errorf("%s: finished %v, %q %q", s.State, s.FinishedAt, s.Reason, s.Message)
	}
	return s
}

// events reads the journal's log of one sale ("" for what belongs to none).
func (r *rig) events(key string) string {
	r.Helper()
	out, in := io.Pipe()
	go func() { in.CloseWithError(store.Export(r.path, in)) }()
	var all []string
	for lines := json.NewDecoder(out); ; {
		var l struct{ Type, Sale, Event string }
		err := lines.Decode(&l)
		if errors.Is(err, io.EOF) {
			return strings.Join(all, " ")
		}
		if err != nil {
			r.Fatal(err)
		}
		if l.Type == "event" && l.Sale == key {
			all = append(all, l.Event)
		}
	}
}
