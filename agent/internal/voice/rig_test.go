package voice_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/voice"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// patience is how long a test waits for what must come; only a failing test uses it up.
const patience = 20 * time.Second

// TestMain lets the test binary be a player: a command that notes what it was given.
func TestMain(m *testing.M) {
	if mode := os.Getenv("BE_PLAYER"); mode != "" {
		play(mode, os.Getenv("PLAYED_AT"))
		return
	}
	goleak.VerifyTestMain(m)
}

// played is what a pretended player notes.
type played struct {
	PID   int
	Args  []string
	Sound int // bytes on its standard input
	Files []string
}

func play(mode, where string) {
	sound, _ := io.ReadAll(os.Stdin)
	note := played{PID: os.Getpid(), Args: os.Args[1:], Sound: len(sound)}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			note.Files = append(note.Files, target)
		}
	}
	line, _ := json.Marshal(note)
	resp, err := http.Post(where, "application/json", bytes.NewReader(line))
	if err != nil {
		os.Exit(3)
	}
	resp.Body.Close()
	switch mode {
	case "hang":
		select {}
	case "fail":
		fmt.Fprintln(os.Stderr, "no sound card")
		os.Exit(1)
	}
}

// rig is a journal and what speaks of it.
type rig struct {
	t      *testing.T
	store  *store.Store
	config voice.Config
	dir    string
	player chan struct{} // a token when the pretended player was called
	notes  []played
	log    *bytes.Buffer
	sales  int

	mu      sync.Mutex
	told    localapi.Voice
	offset  time.Duration // of the clock
	changed chan struct{}
}

// newRig has a player that behaves as mode says ("" is none).
func newRig(t *testing.T, mode string) *rig {
	t.Helper()
	dir := t.TempDir()
	x := &rig{t: t, dir: dir, player: make(chan struct{}, 100), log: &bytes.Buffer{}, changed: make(chan struct{}, 1)}
	var err error
	if x.store, err = store.Open(filepath.Join(dir, store.FileName), rand.Reader); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.store.Close() })
	if mode != "" {
		t.Setenv("BE_PLAYER", mode)
		notes := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var note played
			if err := json.NewDecoder(r.Body).Decode(&note); err != nil {
				t.Error(err)
			}
			x.mu.Lock()
			x.notes = append(x.notes, note)
			x.mu.Unlock()
			x.player <- struct{}{}
		}))
		t.Cleanup(notes.Close)
		t.Setenv("PLAYED_AT", notes.URL)
		x.config = voice.Config{Player: os.Args[0] + " say {text}"}
	}
	return x
}

func (x *rig) now() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return time.Now().Add(x.offset)
}

func (x *rig) ahead(d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.offset = d
}

// run runs a voice until the returned function is called.
func (x *rig) run() (v *voice.Voice, stop func()) {
	x.t.Helper()
	v, err := voice.New(x.config, voice.Deps{Now: x.now, Journal: x.store,
		Log: slog.New(slog.NewTextHandler(&lockedBuffer{buf: x.log, mu: &x.mu}, nil)), Changed: func(s localapi.Voice) {
			x.mu.Lock()
			x.told = s
			x.mu.Unlock()
			select {
			case x.changed <- struct{}{}:
			default:
			}
		}})
	if err != nil {
		x.t.Fatal(err)
	}
	v.Hurry(patience)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- v.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			x.t.Errorf("the voice ended: %v", err)
		}
	})
	x.t.Cleanup(stop)
	return v, stop
}

type lockedBuffer struct {
	mu  *sync.Mutex
	buf *bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// hear waits until the voice is as wanted.
func (x *rig) hear(v *voice.Voice, what string, wanted func(localapi.Voice) bool) localapi.Voice {
	x.t.Helper()
	deadline := time.After(patience)
	for {
		if s := v.State(); wanted(s) {
			return s
		}
		select {
		case <-x.changed:
		case <-deadline:
			x.t.Fatalf("never %s: %+v\n%s", what, v.State(), x.log)
		}
	}
}

func (x *rig) said(v *voice.Voice, n int) {
	x.t.Helper()
	x.hear(v, fmt.Sprintf("%d said", n), func(s localapi.Voice) bool { return s.Said+s.Missed >= n })
}

// plays are what the pretended player noted.
func (x *rig) plays() []played {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.notes)
}

// begin stores a sale whose code was scanned at a time.
func (x *rig) begin(wallet pay.Wallet, fen int64, at time.Time) store.Row {
	x.t.Helper()
	x.sales++
	id := fmt.Sprintf("sale_01KB00000000000000000000%02d", x.sales)
	var row store.Row
	err := x.store.Update(func(tx *store.Tx) (err error) {
		if row, err = tx.Insert(sale.New(id, id, "", money.Fen(fen), at), at); err != nil {
			return err
		}
		row, err = change(tx, row, sale.News{Event: sale.Scan, Wallet: wallet}, at)
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return row
}

func change(tx *store.Tx, row store.Row, n sale.News, at time.Time) (store.Row, error) {
	after, err := sale.Default.Step(row.Sale, n, at)
	if err != nil {
		return row, err
	}
	return tx.Change(row, after, n.Event, at)
}

// hear of the hub: an event of a sale.
func (x *rig) news(row store.Row, e sale.Event) store.Row {
	x.t.Helper()
	err := x.store.Update(func(tx *store.Tx) (err error) {
		row, err = change(tx, row, sale.News{Event: e, PaymentID: "pay_" + row.ID, Amount: row.Amount.Fen(), WalletRef: "42"}, x.now())
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return row
}

func (x *rig) pay(wallet pay.Wallet, fen int64) store.Row {
	return x.news(x.begin(wallet, fen, x.now()), sale.Approved)
}

// clips makes a folder of recorded words: each is its own number of samples, so that a sentence's length
// tells its words.
func clips(t *testing.T) (dir string, samples map[string]int) {
	t.Helper()
	dir, samples = t.TempDir(), map[string]int{}
	for i, name := range voice.Clips() {
		samples[name] = 1 << min(i, 8) * (1 + i)
		if err := os.WriteFile(filepath.Join(dir, name+".wav"), wav(samples[name], 8000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, samples
}

// wav is so many samples of 16 bits, with a chunk in between that nobody knows.
func wav(samples int, rate uint32) []byte {
	out := []byte("RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00")
	out = binary.LittleEndian.AppendUint16(out, 1)
	out = binary.LittleEndian.AppendUint16(out, 1)
	out = binary.LittleEndian.AppendUint32(out, rate)
	out = binary.LittleEndian.AppendUint32(out, 2*rate)
	out = binary.LittleEndian.AppendUint16(out, 2)
	out = binary.LittleEndian.AppendUint16(out, 16)
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(2*samples))
	return append(out, make([]byte, 2*samples)...)
}

func (x *rig) takeCash(fen int64) error {
	x.sales++
	id := fmt.Sprintf("sale_01KB00000000000000000000%02d", x.sales)
	return x.store.Update(func(tx *store.Tx) error {
		_, err := tx.Insert(sale.Taken(id, id, "", money.Fen(fen), localapi.TenderCash, x.now()), x.now())
		return err
	})
}

// waiting stores a sale whose amount was entered, and scan has a customer's code read for it.
func (x *rig) waiting(fen int64) (row store.Row) {
	x.t.Helper()
	x.sales++
	id := fmt.Sprintf("sale_01KB00000000000000000000%02d", x.sales)
	if err := x.store.Update(func(tx *store.Tx) (err error) {
		row, err = tx.Insert(sale.New(id, id, "", money.Fen(fen), x.now()), x.now())
		return err
	}); err != nil {
		x.t.Fatal(err)
	}
	return row
}

func (x *rig) scan(row store.Row, wallet pay.Wallet) store.Row {
	x.t.Helper()
	if err := x.store.Update(func(tx *store.Tx) (err error) {
		row, err = change(tx, row, sale.News{Event: sale.Scan, Wallet: wallet}, x.now())
		return err
	}); err != nil {
		x.t.Fatal(err)
	}
	return row
}

// collected stores a sale whose goods were handed over without a connection, and which the hub collected.
func (x *rig) collected(fen int64) {
	x.t.Helper()
	row := x.waiting(fen)
	for _, n := range []sale.News{{Event: sale.Defer, Wallet: pay.StoredValue, Claim: "SV1C.claim", Deferred: x.now()},
		{Event: sale.Approved, PaymentID: "pay_" + row.ID, Amount: fen, Wallet: pay.StoredValue}} {
		if err := x.store.Update(func(tx *store.Tx) (err error) {
			row, err = change(tx, row, n, x.now())
			return err
		}); err != nil {
			x.t.Fatal(err)
		}
	}
	if row.State != localapi.StatePaid || row.Deferred.IsZero() {
		x.t.Fatalf("%+v", row)
	}
}

// note appends an event to a sale's that says paid and is no change of it.
func (x *rig) note(saleID, kind string) {
	x.t.Helper()
	if err := x.store.Update(func(tx *store.Tx) error {
		return tx.Append(saleID, kind, map[string]string{"state": "paid"}, x.now())
	}); err != nil {
		x.t.Fatal(err)
	}
}
