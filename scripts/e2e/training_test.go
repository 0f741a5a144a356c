package e2e

import (
	"fmt"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestTrainingReachesNobody: with a line to a real hub, training leaves not a byte in hub, wallets or journal, and a
// customer's code that was scanned in training is as good as new: it never left the till.
func TestTrainingReachesNobody(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 2*time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	real, err := l.Code(ctx, pay.Alipay, "01")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := sell(ctx, till, "real-1", 1999, real); err != nil || s.Outcome != pay.Paid || s.Training {
		t.Fatalf("%+v, %v", s, err)
	}
	look := func() (books string) {
		t.Helper()
		if err := till.AwaitStatus(ctx, "everything is copied", func(s localapi.Status) bool { return s.Unsynced == 0 && s.Queue == 0 }); err != nil {
			t.Fatal(err)
		}
		for _, what := range []string{"payments", "records", "events", "attempts", "refunds"} {
			out, complaint, err := r.Run(ctx, "cashier-hub", "export", what, "--data", l.Data)
			if err != nil {
				t.Fatalf("%v %s", err, complaint)
			}
			books += string(out)
		}
		out, complaint, err := r.Run(ctx, "cashier-agent", "journal", "export", "--data", till.Data)
		if err != nil {
			t.Fatalf("%v %s", err, complaint)
		}
		entries, err := l.Ledger(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return books + string(out) + fmt.Sprint(entries)
	}
	before := look()

	if status, err := till.Client.Train(ctx, true); err != nil || !status.Training {
		t.Fatalf("%+v, %v", status, err)
	}
	code, err := l.Code(ctx, pay.WeChat, "01")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sell(ctx, till, "training-1", 2500, code)
	if err != nil || s.Outcome != pay.Paid || !s.Training {
		t.Fatalf("%+v, %v", s, err)
	}
	x, err := till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: 2500})
	if err != nil {
		t.Fatal(err)
	}
	if err := rig.Await(ctx, "the refund is played", func() (bool, error) {
		x, err := till.Client.Refund(ctx, x.ID)
		return err == nil && x.Outcome == pay.Refunded, err
	}); err != nil {
		t.Fatal(err)
	}
	if status, err := till.Client.Train(ctx, false); err != nil || status.Training || status.Link != "up" {
		t.Fatalf("%+v, %v", status, err)
	}
	if after := look(); after != before {
		t.Errorf("training is in the books:\n%s\nwere\n%s", after, before)
	}
	if s, err := sell(ctx, till, "real-2", 700, code); err != nil || s.Outcome != pay.Paid || s.Training {
		t.Errorf("a code that was shown in training: %+v, %v", s, err)
	}
}
