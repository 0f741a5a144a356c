package noticedoor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/noticedoor"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// clock is when the tests' hub lives: a little after noon in China.
var clock = time.Date(2026, 1, 1, 4, 0, 30, 0, time.UTC)

const (
	orderNo, otherNo   = "01JSAMPLE00000000000000001", "01JSAMPLE00000000000000002"
	refundNo, otherRef = "01JREFUND00000000000000001", "01JREFUND00000000000000002"
	walletRef          = "202601012010000000001" // fits all three
	backRef            = "202601012020000000001"
	sent               = "20260101120002"
	word               = "0123456789abcdef0123456789abcdef"
)

// house is a hub's records and engine, which asks nobody: what a notice brings about is read in its schedule.
type house struct {
	t      *testing.T
	store  *store.Store
	engine *engine.Engine
	door   *noticedoor.Door
	log    *bytes.Buffer
}

func newHouse(t *testing.T, wallet string) *house {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "hub.db"), func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.DB().Close() })
	h := &house{t: t, store: s, log: &bytes.Buffer{}}
	ways := []engine.Way{}
	for name, c := range noticers(t) {
		ways = append(ways, engine.Way{Name: name, Wallet: pay.Wallet(name), Channel: c})
	}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.engine = engine.New(engine.Deps{Store: s, Node: "n", Ways: ways, CodeKey: []byte("k"), Now: func() time.Time { return clock },
		IDs: id.NewSource(func() time.Time { return clock }, rand.NewChaCha8([32]byte{1})), Log: log, Told: func(string) {}})
	if err := h.engine.Lead(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.fill(wallet)
	h.door = h.newDoor(noticers(t)[wallet].(channel.Noticer), wallet, h.engine.Hear, noticedoor.Limits{})
	return h
}

func (h *house) newDoor(n channel.Noticer, name string, hear func(string, channel.Notice) (engine.Hearing, error), l noticedoor.Limits) *noticedoor.Door {
	h.t.Helper()
	d, err := noticedoor.New(noticedoor.Config{Lines: []noticedoor.Line{{Word: word, Channel: name, Noticer: n}}, Limits: l},
		noticedoor.Deps{Hear: hear, Now: func() time.Time { return clock }, Log: slog.New(slog.NewTextHandler(h.log, nil))})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// fill stores an order that is in doubt and one that is paid, with a refund in doubt of that, on the wallet's channel; and an order
// like the first on another channel.
func (h *house) fill(wallet string) {
	h.t.Helper()
	at := clock.Add(-28 * time.Second)
	order := func(no, channelName string, status pay.Status) payment.Payment {
		p := payment.Payment{ID: "pay_" + no, Merchant: "mer_1", Source: payment.FromAPI, Key: no, BodyHash: "b", OrderNo: no, Amount: money.Fen(8888), Subject: "tea",
			Wallet: pay.Wallet(channelName), Status: status, Created: at, Attempt: payment.Attempt{ID: "att_" + no, Channel: channelName, OutTradeNo: no,
				Status: status, WalletRef: walletRef, Sent: at, Stamp: at, Called: at}}
		if status.Final() {
			p.Finished, p.PaidAt, p.Attempt.Settled = at, at, at
		}
		return p
	}
	elsewhere := map[string]string{"wechat": "alipay", "alipay": "unionpay", "unionpay": "wechat"}[wallet]
	paid := order(otherNo, wallet, pay.StatusSucceeded)
	err := h.store.Update(func(tx *store.Tx) error {
		err := tx.PutMerchant(registry.Merchant{ID: "mer_1", Created: at})
		for _, p := range []payment.Payment{order(orderNo, wallet, pay.StatusUnknown), paid, order("01JELSEWHERE00000000000001", elsewhere, pay.StatusUnknown)} {
			if err == nil {
				_, err = tx.InsertPayment(p)
			}
		}
		for _, no := range []string{refundNo, otherRef} {
			if err != nil {
				return err
			}
			r := payment.Refund{ID: "ref_" + no, Payment: paid.ID, Merchant: "mer_1", Source: payment.FromAPI, Key: no, BodyHash: "b", RefundNo: no, OutRefundNo: no,
				Amount: money.Fen(888), Status: pay.RefundUnknown, WalletRef: backRef, Created: at, NotBefore: at, Since: at, Stamp: at, Sent: at, Called: at}
			if no == otherRef {
				r.Amount, r.WalletRef = money.Fen(111), "202601012020000000002"
			}
			err = tx.InsertRefund(r)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// dump is every row of every table but the lease's, which goes by the clock.
func (h *house) dump() string {
	h.t.Helper()
	var out strings.Builder
	err := h.store.View(func(tx *store.Tx) error {
		var tables []string
		err := tx.Query(func(rows store.Rows) error {
			var name string
			err := rows.Scan(&name)
			tables = append(tables, name)
			return err
		}, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'lease' ORDER BY name`)
		for _, table := range tables {
			if err != nil {
				return err
			}
			var columns int
			if err = tx.QueryRow("SELECT count(*) FROM pragma_table_info(?)", table).Scan(&columns); err != nil {
				return err
			}
			err = tx.Query(func(rows store.Rows) error {
				values, into := make([]any, columns), make([]any, columns)
				for i := range values {
					into[i] = &values[i]
				}
				err := rows.Scan(into...)
				fmt.Fprintln(&out, table, values)
				return err
			}, "SELECT * FROM "+table)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.String()
}

func (h *house) post(d http.Handler, path, body string) (int, string) {
	h.t.Helper()
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// Each field is changed and signed anew by the wallet's own key, and changed after it was signed. Nothing of it may show in the
// records, and the true notice is taken afterwards as if nothing had been.
func TestForgedNoticesChangeNothing(t *testing.T) {
	for _, n := range notices {
		t.Run(n.wallet+" "+n.kind, func(t *testing.T) {
			h := newHouse(t, n.wallet)
			before := h.dump()
			refused := noticers(t)[n.wallet].(channel.Noticer).Reply(false)
			try := func(what, body string) {
				t.Helper()
				if status, answer := h.post(h.door, noticedoor.Path+word, body); status != refused.Status || answer != string(refused.Body) {
					t.Errorf("%s: answered with %d %s", what, status, answer)
				}
				if after := h.dump(); after != before {
					t.Fatalf("%s: the records changed\n%s\n%s", what, before, after)
				}
			}
			if len(n.forged) < 12 {
				t.Fatalf("only %d fields are forged", len(n.forged))
			}
			tries := 0
			for _, name := range slices.Sorted(maps.Keys(n.forged)) {
				for _, value := range n.forged[name] {
					try(name+"="+value+", signed by the wallet", n.sign(certified(n.fields.with(name, value))))
					tries++
				}
			}
			genuine := n.sign(certified(n.fields))
			for at := 0; at < len(genuine); at += 1 + len(genuine)/97 { // every field is met
				if changed := flip(genuine, at); changed != "" && !unsigned(n, genuine, at) {
					try(fmt.Sprintf("byte %d changed", at), changed)
					tries++
				}
			}
			for what, body := range map[string]string{"nothing": "", "half of it": genuine[:len(genuine)/2], "itself twice": genuine + "&" + genuine, "another wallet's": another(n.wallet)} {
				try(what, body)
			}
			if n.wallet == "wechat" && n.kind == "refund" {
				try("another key", sealWeChat(n.fields, strings.ToUpper(apiKey)))
			}
			status, answer := h.post(h.door, noticedoor.Path+word, genuine)
			if taken := noticers(t)[n.wallet].(channel.Noticer).Reply(true); status != taken.Status || answer != string(taken.Body) {
				t.Fatalf("the true notice is answered with %d %s\n%s", status, answer, h.log)
			}
			h.asked(n.asked)
			once := h.dump()
			h.post(h.door, noticedoor.Path+word, genuine)
			if h.dump() != once {
				t.Error("its double changed the records")
			}
			if s := h.door.Stats(); s["asked"] != 2 || s["forged"]+s["stranger"]+s["differs"]+s["contradicts"] != int64(tries+4+more(n)) {
				t.Errorf("%d tries were counted as %v", tries, s)
			}
			if strings.Contains(h.log.String(), apiKey) || strings.Contains(h.log.String(), "622848") {
				t.Error("the log holds a key or a body")
			}
		})
	}
}

func more(n notice) int {
	if n.wallet == "wechat" && n.kind == "refund" {
		return 1
	}
	return 0
}

func another(wallet string) string {
	for _, n := range notices {
		if n.wallet != wallet {
			return n.sign(certified(n.fields))
		}
	}
	return ""
}

// flip changes a byte to its neighbour; empty where that means the same.
func flip(body string, at int) string {
	b := []byte(body)
	if b[at]++; b[at] == '+' || b[at] == '&' {
		b[at]++
	}
	return string(b)
}

// unsigned reports a byte that nobody signs: the envelope of WeChat's refunds that we do not read, and the last letters of base64.
func unsigned(n notice, body string, at int) bool {
	if n.kind != "refund" || n.wallet != "wechat" {
		return false
	}
	i := strings.Index(body, "<req_info>")
	return at < i || at > i+len("<req_info><![CDATA[")+40 // of what is encrypted, the first blocks: ECB's others open by themselves
}

// asked reports that the record's question is stored as due now, and that nothing else of it changed.
func (h *house) asked(entity string) {
	h.t.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		work, err := tx.AllWork()
		if err != nil {
			return err
		}
		if len(work) != 1 || work[0].Entity != entity || work[0].Due.After(clock) || work[0].Begun {
			h.t.Errorf("the schedule is %+v, want a question about %s now", work, entity)
		}
		if p, err := tx.Payment("pay_" + orderNo); err != nil || p.Status != pay.StatusUnknown {
			h.t.Errorf("the notice moved the payment to %s (%v)", p.Status, err)
		}
		r, err := tx.Refund("ref_" + refundNo)
		if err != nil || r.Status != pay.RefundUnknown {
			h.t.Errorf("the notice moved the refund to %s (%v)", r.Status, err)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// What the wallet claims of a payment that is proven otherwise is not taken, and changes nothing.
func TestAContradictionIsNotTaken(t *testing.T) {
	h := newHouse(t, "alipay")
	before := h.dump()
	closed := notices[2].fields.with("out_trade_no", otherNo).with("trade_status", "TRADE_CLOSED").with("gmt_close", "2026-01-01 12:00:15")
	if _, answer := h.post(h.door, noticedoor.Path+word, signAlipay(closed)); answer == "success" || h.dump() != before || h.door.Stats()["contradicts"] != 1 {
		t.Errorf("answered %q, counted %v", answer, h.door.Stats())
	}
}

// "Taken" may be said only when something came of it.
func TestTakenOnlyWhenStored(t *testing.T) {
	h := newHouse(t, "alipay")
	genuine := signAlipay(notices[2].fields)
	n := noticers(t)["alipay"].(channel.Noticer)
	for name, hear := range map[string]func(string, channel.Notice) (engine.Hearing, error){
		"storage": func(string, channel.Notice) (engine.Hearing, error) {
			return engine.HeardAsked, errors.New("disk full")
		},
		"panic": func(string, channel.Notice) (engine.Hearing, error) { panic("bug") },
	} {
		d := h.newDoor(n, "alipay", hear, noticedoor.Limits{})
		if _, answer := h.post(d, noticedoor.Path+word, genuine); answer != "fail" || d.Stats()["failed"] != 1 {
			t.Errorf("%s: answered %q, counted %v", name, answer, d.Stats())
		}
	}
}

func TestTheDoorTurnsAway(t *testing.T) {
	h := newHouse(t, "alipay")
	genuine := signAlipay(notices[2].fields)
	n := noticers(t)["alipay"].(channel.Noticer)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		outcome                  string
	}{
		{"a reader", http.MethodGet, noticedoor.Path + word, "", 405, "malformed"},
		{"a query", http.MethodPost, noticedoor.Path + word + "?a=1", genuine, 400, "malformed"},
		{"too much", http.MethodPost, noticedoor.Path + word, strings.Repeat("a", 33<<10), 400, "malformed"},
		{"a guess", http.MethodPost, noticedoor.Path + strings.Repeat("0", 32), genuine, 404, "nowhere"},
		{"no word", http.MethodPost, noticedoor.Path, genuine, 404, "nowhere"},
		{"another path", http.MethodPost, "/v1/payments", genuine, 404, "nowhere"},
	} {
		d := h.newDoor(n, "alipay", h.engine.Hear, noticedoor.Limits{})
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(c.method, c.path, io.NopCloser(strings.NewReader(c.body))))
		if w.Code != c.status || d.Stats()[c.outcome] != 1 {
			t.Errorf("%s: %d, counted %v", c.name, w.Code, d.Stats())
		}
	}
	d := h.newDoor(n, "alipay", h.engine.Hear, noticedoor.Limits{LinePerSecond: 2}) // the clock stands: a burst of four
	for i := range 6 {
		if _, answer := h.post(d, noticedoor.Path+word, genuine); (answer == "success") != (i < 4) {
			t.Errorf("notice %d is answered %q", i, answer)
		}
	}
	hold, held := make(chan struct{}), make(chan struct{})
	busy := h.newDoor(n, "alipay", func(string, channel.Notice) (engine.Hearing, error) {
		close(held)
		<-hold
		return engine.HeardSettled, nil
	}, noticedoor.Limits{AtOnce: 1})
	done := make(chan string)
	go func() { _, answer := h.post(busy, noticedoor.Path+word, genuine); done <- answer }()
	<-held
	if _, answer := h.post(busy, noticedoor.Path+word, genuine); answer != "fail" || busy.Stats()["limited"] != 1 {
		t.Errorf("beside another one: %q, counted %v", answer, busy.Stats())
	}
	close(hold)
	if answer := <-done; answer != "success" {
		t.Errorf("the other one: %q", answer)
	}
}

// Run ends when it is told to, and not under a notice.
func TestTheDoorCloses(t *testing.T) {
	h := newHouse(t, "unionpay")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d, err := noticedoor.New(noticedoor.Config{Listener: l, Lines: []noticedoor.Line{{Word: word, Channel: "unionpay", Noticer: noticers(t)["unionpay"].(channel.Noticer)}}},
		noticedoor.Deps{Hear: h.engine.Hear, Now: func() time.Time { return clock }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	resp, err := http.Post("http://"+l.Addr().String()+noticedoor.Path+word, "application/x-www-form-urlencoded", strings.NewReader(signUnionPay(certified(notices[4].fields))))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || string(answer) != "ok" {
		t.Errorf("%s %s", resp.Status, answer)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
