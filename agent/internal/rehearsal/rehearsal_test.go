package rehearsal_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/rehearsal"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a training till with its rehearsal, under virtual time.
func stage(t *testing.T, play func(t *testing.T, x *till.Till)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	synctest.Test(t, func(t *testing.T) {
		journal, err := store.Open(path, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		var hub *rehearsal.Rehearsal
		log := slog.New(slog.DiscardHandler)
		x, err := till.New(till.Config{Rules: sale.Default, Training: true}, till.Deps{Now: time.Now, Log: log, IDs: id.NewSource(time.Now, nil),
			Journal: journal, Wake: func() { hub.Wake() }, Grown: func() {}, Sync: func() {}, Free: func() (uint64, error) { return 1 << 40, nil }})
		if err != nil {
			t.Fatal(err)
		}
		hub = rehearsal.New(x, time.Now, log)
		x.LinkChanged(hublink.State{Up: true})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- hub.Run(ctx) }()
		go func() { ended <- x.Run(ctx) }()
		play(t, x)
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	})
}

// seen is what a cashier sees of one sale, second by second, each state once.
func seen(t *testing.T, x *till.Till, saleID string, patience time.Duration) string {
	t.Helper()
	var states []string
	for range patience / (500 * time.Millisecond) {
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		s, err := x.Sale(saleID)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Training || !strings.HasPrefix(s.ID, "training_") {
			t.Fatalf("a sale of a training till looks real: %+v", s)
		}
		if n := len(states); n == 0 || states[n-1] != string(s.State) {
			states = append(states, string(s.State))
		}
	}
	return strings.Join(states, " ")
}

func TestTheAmountChoosesTheFate(t *testing.T) {
	stage(t, func(t *testing.T, x *till.Till) {
		for i, c := range []struct {
			fen  int64
			want string
		}{
			{1200, "sending paid"}, {1249, "sending paid"}, {1299, "sending paid"},
			{1250, "sending declined"}, {1251, "sending declined"}, {1252, "sending declined"},
			{1253, "sending password paid"}, {1254, "sending password declined"},
			{1260, "sending unknown paid"}, {1261, "sending unknown reversed"},
		} {
			s, _, err := x.NewSale(localapi.NewSale{Amount: c.fen, Code: fmt.Sprintf("1300000000000000%02d", i)})
			if err != nil {
				t.Fatal(err)
			}
			if got := seen(t, x, s.ID, 12*time.Second); got != c.want {
				t.Errorf("%d: %s, want %s", c.fen, got, c.want)
			}
		}
	})
}

func TestWhatElseACashierDoes(t *testing.T) {
	stage(t, func(t *testing.T, x *till.Till) {
		shown, _, err := x.NewSale(localapi.NewSale{Amount: 1200, Mode: "qr"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s, err := x.Sale(shown.ID); err != nil || s.State != localapi.StateShown || s.QR != rehearsal.Text {
			t.Errorf("%+v, %v", s, err)
		}
		if got := seen(t, x, shown.ID, 10*time.Second); got != "shown paid" {
			t.Errorf("a code that is shown: %s", got)
		}
		stopped, _, err := x.NewSale(localapi.NewSale{Amount: 1253, Code: "130000000000000001"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5500 * time.Millisecond) // a moment before the password is right
		if _, err := x.Cancel(stopped.ID); err != nil {
			t.Fatal(err)
		}
		if got := seen(t, x, stopped.ID, 10*time.Second); got != "cancelling reversed" {
			t.Errorf("stopped at the password: %s", got)
		}
		x.NewRefund(shown.ID, localapi.NewRefund{Amount: 300, RefundNo: "R-1"})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s, err := x.Sale(shown.ID); err != nil || s.RefundedAmount != 300 || s.RefundingAmount != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}
