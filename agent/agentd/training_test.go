package agentd_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/agentd"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

func export(t *testing.T, dir string) string {
	t.Helper()
	var out bytes.Buffer
	if err := agentd.Export(dir, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// until waits for an event as wanted.
func until(t *testing.T, events <-chan api.Event, what string, wanted func(api.Event) bool) api.Event {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			if wanted(e) {
				return e
			}
		case <-late:
			t.Fatalf("never %s", what)
		}
	}
}

func listen(t *testing.T, client *api.Client) <-chan api.Event {
	t.Helper()
	events := make(chan api.Event, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Events(ctx, func(e api.Event) { events <- e })
		close(events)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return events
}

// TestTrainingTouchesNothingReal: the real journal does not change by a byte of what it says, nothing of training is
// there when it has ended, and no code was ever on the disk.
func TestTrainingTouchesNothingReal(t *testing.T) {
	dir, link := activated(t), filepath.Join(t.TempDir(), "scanner0")
	gun, err := board.NewScanner(link, board.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer gun.Close()
	client, stop := startScanning(t, dir, link)
	defer stop()
	ctx := t.Context()
	cash, err := client.NewSale(ctx, api.NewSale{Amount: 500, Tender: api.TenderCash})
	if err != nil || cash.Training {
		t.Fatalf("%+v, %v", cash, err)
	}
	before := export(t, dir)
	real := listen(t, client)
	until(t, real, "told of the real till", func(e api.Event) bool { return e.Status != nil && !e.Status.Training })

	status, err := client.Train(ctx, true)
	if err != nil || !status.Training || status.Link != "up" || status.OpenSales != 0 {
		t.Fatalf("%+v, %v", status, err)
	}
	for e := range real { // the stream of the real till ends
		if e.Status != nil && e.Status.Training {
			t.Error("the real till's stream goes on with training")
		}
	}
	events := listen(t, client)
	first := until(t, events, "told of training", func(e api.Event) bool { return e.Status != nil })
	if !first.Status.Training {
		t.Errorf("%+v", first.Status)
	}
	if _, err := client.Sale(ctx, cash.ID); fault.CodeOf(err) != "sale.unknown" {
		t.Errorf("the training till knows a real sale: %v", err)
	}
	s, err := client.NewSale(ctx, api.NewSale{Amount: 1200})
	if err != nil || !s.Training || !strings.HasPrefix(s.ID, "training_") {
		t.Fatalf("%+v, %v", s, err)
	}
	until(t, events, "ready to scan", func(e api.Event) bool {
		return e.Status != nil && len(e.Status.Scanners) == 1 && e.Status.Scanners[0].Connected
	})
	if err := gun.Scan(code); err != nil {
		t.Fatal(err)
	}
	paid := until(t, events, "paid", func(e api.Event) bool { return e.Sale != nil && e.Sale.State == api.StatePaid }).Sale
	if paid.ID != s.ID || !paid.Training || paid.WalletRef != "TRAINING" || paid.Wallet != pay.WeChat {
		t.Errorf("%+v", paid)
	}
	back, err := client.NewRefund(ctx, s.ID, api.NewRefund{Amount: 200})
	if err != nil {
		t.Fatal(err)
	}
	until(t, events, "refunded", func(e api.Event) bool {
		return e.Refund != nil && e.Refund.ID == back.ID && e.Refund.State == api.RefundSucceeded
	})
	if _, err := client.NewSale(ctx, api.NewSale{Amount: 1250, Code: "130000000000000043"}); err != nil {
		t.Fatal(err)
	}
	until(t, events, "declined", func(e api.Event) bool {
		return e.Sale != nil && e.Sale.State == api.StateDeclined && e.Sale.Reason == "balance_low"
	})
	if _, err := client.NewSale(ctx, api.NewSale{Amount: 1600, Tender: api.TenderCash}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Reprint(ctx, s.ID); fault.CodeOf(err) != "training.not_here" {
		t.Errorf("paper in training: %v", err)
	}
	wantChecks(t, dir, map[string]agentd.Verdict{"agent": agentd.Warn})
	if now := export(t, dir); now != before {
		t.Errorf("training changed the real journal:\n%s\nwas\n%s", now, before)
	}
	noSecrets(t, dir, code, "130000000000000043")
	waits, err := client.NewSale(ctx, api.NewSale{Amount: 1}) // an open one does not hold training up
	if err != nil {
		t.Fatal(err)
	}
	if status, err = client.Train(ctx, false); err != nil || status.Training || status.Link != "down" {
		t.Fatalf("%+v, %v", status, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "training")); !os.IsNotExist(err) {
		t.Errorf("training is still there: %v", err)
	}
	if _, err := client.Sale(ctx, waits.ID); fault.CodeOf(err) != "sale.unknown" {
		t.Errorf("the real till knows a training sale: %v", err)
	}
	if got, err := client.Sale(ctx, cash.ID); err != nil || got.Training {
		t.Errorf("%+v, %v", got, err)
	}
	if now := export(t, dir); now != before {
		t.Error("the end of training changed the real journal")
	}
}

// noSecrets looks for codes in every file of a folder.
func noSecrets(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	files := 0
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if slices.ContainsFunc(secrets, func(s string) bool { return bytes.Contains(raw, []byte(s)) }) {
			t.Errorf("a payment code is in %s", path)
		}
		return nil
	})
	if files < 3 {
		t.Errorf("only %d files were looked at", files)
	}
}

// TestTrainingWaitsForRealMoney: with a sale that is not settled there is no training.
func TestTrainingWaitsForRealMoney(t *testing.T) {
	client, _, stop := start(t, activated(t))
	defer stop()
	ctx := t.Context()
	s, err := client.NewSale(ctx, api.NewSale{Amount: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Train(ctx, true); fault.CodeOf(err) != "training.sale_open" {
		t.Errorf("training beside a waiting sale: %v", err)
	}
	if _, err := client.Cancel(ctx, s.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := client.NewSale(ctx, api.NewSale{Amount: 5, Code: code}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Train(ctx, true); fault.KindOf(err) != fault.Conflict {
		t.Errorf("training beside a doubt: %v", err)
	}
	if status, err := client.Status(ctx); err != nil || status.Training {
		t.Errorf("%+v, %v", status, err)
	}
}

// TestARestartIsReal: training does not survive one, nor does anything of it.
func TestARestartIsReal(t *testing.T) {
	dir := activated(t)
	client, _, stop := start(t, dir)
	if _, err := client.Train(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := client.NewSale(t.Context(), api.NewSale{Amount: 5, Tender: api.TenderCash}); err != nil {
		t.Fatal(err)
	}
	if status, err := client.Train(t.Context(), true); err != nil || !status.Training { // again: it is on
		t.Errorf("%+v, %v", status, err)
	}
	stop()
	if err := os.MkdirAll(filepath.Join(dir, "training"), 0o700); err != nil { // as a killed agent leaves it
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "training", "journal.db"), []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	client, _, stop = start(t, dir)
	defer stop()
	if status, err := client.Status(t.Context()); err != nil || status.Training || status.Unsynced > 1 {
		t.Errorf("%+v, %v", status, err)
	}
	if list, err := client.Sales(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "training")); !os.IsNotExist(err) {
		t.Errorf("training is still there: %v", err)
	}
}
