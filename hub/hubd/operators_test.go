package hubd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

func openHub(t *testing.T, database string) (*Hub, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hubd") // short: the folder holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	h, err := Open(Config{Data: dir, Database: database, HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", Hosts: []string{"127.0.0.1"}},
		Deps{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return h, dir
}

// runHub runs a hub until the test or stop ends it.
func runHub(t *testing.T, h *Hub) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// serves waits until the hub answers.
func serves(t *testing.T, h *Hub) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.CA())
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: roots}}}
	res, err := client.Get("https://" + h.HTTPAddr() + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}

func TestTheStandbyServesOnceTheFirstStops(t *testing.T) {
	first, dir := openHub(t, "")
	stop := runHub(t, first)
	serves(t, first)
	second, _ := openHub(t, filepath.Join(dir, "hub.db"))
	runHub(t, second)
	if _, err := second.store.Claim("other", time.Now(), time.Minute); fault.CodeOf(err) != "hub.standby" {
		t.Fatalf("the first does not hold the lease: %v", err)
	}
	stop()
	serves(t, second)
	if _, err := Open(second.cfg, second.deps); fault.CodeOf(err) != "hub.locked" {
		t.Errorf("a second hub on one folder: %v", err)
	}
}

func TestOperatorsDecideThroughTheRunningHub(t *testing.T) {
	h, dir := openHub(t, "")
	path := filepath.Join(dir, "hub.db")
	at := time.Now().Add(-time.Hour)
	p := payment.Payment{ID: "pay_1", Merchant: "m", Source: payment.FromAPI, Key: "k", OrderNo: "o", Amount: money.Fen(100), Metadata: "{}",
		Wallet: pay.WeChat, Status: pay.StatusReversed, Created: at, Finished: at,
		Attempt: payment.Attempt{ID: "att_1", Channel: "w", OutTradeNo: "TTTTTTTT", Status: pay.StatusReversed, Sent: at, Settled: at, Tries: 40}}
	x := payment.Exception{ID: "exc_1", Payment: p.ID, Kind: payment.Unlooked, Matter: "m", Known: "{}", Owner: payment.OwnerOperations, Opened: at, Deadline: at}
	err := h.store.Update(func(tx *store.Tx) error {
		if _, err := tx.InsertPayment(p); err != nil {
			return err
		}
		_, err := tx.OpenException(x)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := runHub(t, h)
	serves(t, h)
	info, err := os.Stat(filepath.Join(dir, operatorsSocket))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("socket: %v, %v", info, err)
	}
	if list, err := Exceptions(path, false); err != nil || len(list) != 1 || list[0].State != "open" || list[0].Money() != "1.00 CNY" {
		t.Errorf("listed %+v, %v", list, err)
	}
	j := Judgement{By: "Li Wei", Note: "the bill shows nothing"}
	if _, err := Resolve(t.Context(), dir, "exc_2", j); fault.KindOf(err) != fault.NotFound {
		t.Errorf("unknown: %v", err)
	}
	if _, err := Resolve(t.Context(), dir, x.ID, Judgement{By: "Li Wei"}); fault.CodeOf(err) != "exception.who" {
		t.Errorf("without a note: %v", err)
	}
	v, err := Resolve(t.Context(), dir, x.ID, j)
	if err != nil || v.Confirm == "" || v.Exception.State != "open" {
		t.Fatalf("%+v, %v", v, err)
	}
	j.Confirm = v.Confirm
	if v, err = Resolve(t.Context(), dir, x.ID, j); err != nil || v.Exception.State != "resolved" || v.Exception.By != j.By || v.Confirm != "" {
		t.Errorf("%+v, %v", v, err)
	}
	if h.gauges()["open_exceptions"] != 0 {
		t.Error("the gauge still counts it")
	}
	stop()
	if got, err := FindException(path, x.ID); err != nil || got.Note != j.Note {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Resolve(t.Context(), dir, x.ID, j); fault.CodeOf(err) != "hub.not_running" {
		t.Errorf("without a hub: %v", err)
	}
}

// TestActivationCodesAreMinted: each makes one terminal of its store, and only while a hub runs.
func TestActivationCodesAreMinted(t *testing.T) {
	h, dir := openHub(t, "")
	at := time.Now()
	err := h.store.Update(func(tx *store.Tx) error {
		if err := tx.PutMerchant(registry.Merchant{ID: "mer_1", Created: at}); err != nil {
			return err
		}
		return tx.PutStore(registry.Store{ID: "sto_1", Merchant: "mer_1", Created: at})
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := runHub(t, h)
	serves(t, h)
	for name, o := range map[string]CodeOrder{
		"none": {Store: "sto_1", Days: 7, By: "Li Wei"}, "too many": {Store: "sto_1", Count: maxCodes + 1, Days: 7, By: "Li Wei"},
		"for ever": {Store: "sto_1", Count: 1, Days: 1000, By: "Li Wei"}, "by nobody": {Store: "sto_1", Count: 1, Days: 7},
		"of no store": {Store: "sto_2", Count: 1, Days: 7, By: "Li Wei"},
	} {
		if c, err := MintCodes(t.Context(), dir, o); err == nil || len(c.Codes) > 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	const many = codesAtOnce + 3
	c, err := MintCodes(t.Context(), dir, CodeOrder{Store: "sto_1", Count: many, Days: 7, By: "Li Wei"})
	if err != nil || len(c.Codes) != many || c.Merchant != "mer_1" || c.ExpiresAt.Before(at.Add(6*24*time.Hour)) {
		t.Fatalf("%d codes, %+v, %v", len(c.Codes), c.ExpiresAt, err)
	}
	distinct := map[string]bool{}
	err = h.store.View(func(tx *store.Tx) error {
		for _, code := range c.Codes {
			distinct[code] = true
			got, err := tx.ActivationCode(registry.HashCode(h.keys.derive("activation"), code))
			if err != nil || got.Store != "sto_1" || got.UsedBy != "" || !got.Expires.Equal(c.ExpiresAt.Truncate(time.Millisecond)) {
				return fmt.Errorf("%+v, %w", got, err)
			}
		}
		return nil
	})
	if err != nil || len(distinct) != many {
		t.Errorf("%d distinct codes are stored: %v", len(distinct), err)
	}
	stop()
	if _, err := MintCodes(t.Context(), dir, CodeOrder{Store: "sto_1", Count: 1, Days: 7, By: "Li Wei"}); fault.CodeOf(err) != "hub.not_running" {
		t.Errorf("without a hub: %v", err)
	}
}

// TestACrowdIsTidiedAfterOnce: not while terminals come, thrice when they have come, and never for a few.
func TestACrowdIsTidiedAfterOnce(t *testing.T) {
	var c crowd
	var tidied []int
	for i, arrived := range []int64{0, 3, 400, 499, 5000, 9000, 9010, 9010, 9020, 9020, 9020, 9400, 9540, 9540, 9540, 9540} {
		if c.settled(arrived) {
			tidied = append(tidied, i)
		}
	}
	if want := []int{6, 7, 8, 12, 13, 14}; !slices.Equal(tidied, want) {
		t.Errorf("tidied at looks %v, want %v", tidied, want)
	}
}

// TestOperatorsSeeARefundInDoubt: in the list, in the figures, and no word of theirs ends it.
func TestOperatorsSeeARefundInDoubt(t *testing.T) {
	h, dir := openHub(t, "")
	path := filepath.Join(dir, "hub.db")
	at := time.Now().Add(-time.Hour)
	p := payment.Payment{ID: "pay_1", Merchant: "m", Source: payment.FromAPI, Key: "k", OrderNo: "o", Amount: money.Fen(100), Metadata: "{}",
		Wallet: pay.WeChat, Status: pay.StatusSucceeded, Created: at, Finished: at, PaidAt: at,
		Attempt: payment.Attempt{ID: "att_1", Channel: "w", OutTradeNo: "TTTTTTTT", Status: pay.StatusSucceeded, Sent: at, Settled: at}}
	r := payment.Refund{ID: "ref_1", Payment: p.ID, Merchant: "m", Source: payment.FromAPI, Key: "k", RefundNo: "R", OutRefundNo: "RRRRRRRR",
		Amount: money.Fen(40), Status: pay.RefundUnknown, Created: at, NotBefore: at, Since: at, Stamp: at, Sent: at, Called: at}
	x := payment.Exception{ID: "exc_1", Payment: p.ID, Refund: r.ID, Kind: payment.SlowRefund, Matter: "m", Known: "{}", Owner: payment.OwnerOperations, Opened: at, Deadline: at}
	err := h.store.Update(func(tx *store.Tx) error {
		if _, err := tx.InsertPayment(p); err != nil {
			return err
		}
		if err := tx.InsertRefund(r); err != nil {
			return err
		}
		_, err := tx.OpenException(x)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	runHub(t, h)
	serves(t, h)
	if list, err := Exceptions(path, false); err != nil || len(list) != 1 || list[0].Refund != r.ID || list[0].About() != r.ID || list[0].Payment != p.ID {
		t.Errorf("listed %+v, %v", list, err)
	}
	if g := h.gauges(); g["open_refunds"] != 1 || g["unknown_refunds"] != 1 || g["open_exceptions"] != 1 {
		t.Errorf("figures %v", g)
	}
	j := Judgement{By: "Li Wei", Note: "looked"}
	if _, err := Resolve(t.Context(), dir, x.ID, j); fault.CodeOf(err) != "exception.going_on" {
		t.Errorf("settled by a word: %v", err)
	}
	j.Decision = "retry"
	v, err := Resolve(t.Context(), dir, x.ID, j)
	if err != nil || v.Confirm == "" {
		t.Fatalf("%+v, %v", v, err)
	}
	j.Confirm = v.Confirm
	if v, err = Resolve(t.Context(), dir, x.ID, j); err != nil || v.Exception.State != "open" {
		t.Errorf("after a retry: %+v, %v", v, err)
	}
}
