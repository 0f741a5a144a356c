package till_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

func TestTheWayOfASale(t *testing.T) {
	r := newRig(t)
	s := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Subject: "tea"})
	r.want(s.ID, localapi.StateWaiting, "")
	r.pass(time.Hour) // nobody hurries the customer
	if !r.till.Scan(parsed(t, code(7)), r.now()) {
		t.Fatal("the scan was not used")
	}
	r.want(s.ID, localapi.StateSending, "pay")
	if r.wakes != 1 {
		t.Errorf("the link was woken %d times", r.wakes)
	}
	r.pass(3 * time.Second)
	m := r.leave(s.ID, wire.KindPay)
	body := m.Body.(wire.Pay)
	want := wire.Pay{Key: s.ID, OrderNo: "A-1", Amount: 1280, Currency: "CNY", Code: code(7), CodeAgeMS: 3000,
		Subject: "tea", ScannedAt: start.Add(time.Hour)}
	if body != want || !m.Exp.Equal(start.Add(time.Hour+45*time.Second)) {
		t.Errorf("%+v until %v, want %+v", body, m.Exp, want)
	}
	if r.till.Codes() != 1 {
		t.Errorf("%d codes in memory", r.till.Codes())
	}
	r.hub(wire.KindResult, result(s.ID, pay.StatusPending))
	r.want(s.ID, localapi.StateAccepted, "")
	if r.till.Codes() != 0 {
		t.Error("the code outlives its use")
	}
	waiting := result(s.ID, pay.StatusPending)
	waiting.Waiting = true
	r.hub(wire.KindResult, waiting)
	r.want(s.ID, localapi.StatePassword, "")
	done := result(s.ID, pay.StatusSucceeded)
	done.WalletRef = "4200001"
	r.hub(wire.KindResult, done)
	paid := r.want(s.ID, localapi.StatePaid, "")
	if paid.WalletRef != "4200001" || paid.Wallet != pay.WeChat || paid.PaymentID != "pay_"+s.ID || paid.ScannedAt == nil {
		t.Errorf("%+v", paid)
	}
	if r.till.DownSeq() != 3 {
		t.Errorf("down seq %d", r.till.DownSeq())
	}
	if got := r.events(s.ID); got != "new scan accepted password approved" {
		t.Errorf("events: %s", got)
	}
	r.crash()
	if again := r.want(s.ID, localapi.StatePaid, ""); !again.FinishedAt.Equal(*paid.FinishedAt) || r.till.DownSeq() != 3 {
		t.Errorf("after a restart: %+v", again)
	}
}

func TestNothingIsOutgoingBeforeItIsOnTheDisk(t *testing.T) {
	r := newRig(t)
	s := r.begin(localapi.NewSale{Amount: 1280, Code: code(1)})
	if r.outgoing() != "pay" {
		t.Fatal(r.outgoing())
	}
	other, err := store.Open(r.path, nil) // another reader of the file sees it
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.View(func(tx *store.Tx) error {
		row, err := tx.Sale(s.ID)
		if row.State != localapi.StateSending || row.Asking != wire.KindPay {
			t.Errorf("on the disk it is %s/%s", row.State, row.Asking)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestEndOfTheCodesLife(t *testing.T) {
	r := newRig(t)
	unsent := r.begin(localapi.NewSale{Amount: 1280, Code: code(1)})
	sent := r.charging(2)
	r.pass(45*time.Second - time.Millisecond)
	r.want(unsent.ID, localapi.StateSending, "pay pay")
	seq := r.leave(sent.ID, wire.KindPay).Seq // sent again inside its life
	r.pass(time.Millisecond)
	r.want(unsent.ID, localapi.StateLapsed, "fence")
	r.want(sent.ID, localapi.StateUnknown, "fence")
	if r.till.Leaving(seq) {
		t.Error("a withdrawn charge may leave")
	}
	r.hub(wire.KindResult, tombstone(sent.ID))
	r.want(sent.ID, localapi.StateLapsed, "")
}

func TestAnExpiredCodeDoesNotLeaveEvenBeforeTheDeadlineRuns(t *testing.T) {
	r := newRig(t)
	s := r.begin(localapi.NewSale{Amount: 1280, Code: code(1)})
	seq := r.till.Outgoing()[0].Seq
	r.elapsed.Add(int64(45 * time.Second)) // Run has not looked yet
	if r.till.Leaving(seq) || r.outgoing() != "" {
		t.Error("an expired code may leave")
	}
	r.till.Overdue()
	r.want(s.ID, localapi.StateLapsed, "")
}

func TestTheHubsSilenceIsAskedAbout(t *testing.T) {
	r := newRig(t)
	s := r.charging(1)
	r.hub(wire.KindResult, result(s.ID, pay.StatusPending))
	r.pass(119 * time.Second)
	r.want(s.ID, localapi.StateAccepted, "")
	r.pass(time.Second)
	r.want(s.ID, localapi.StateUnknown, "fence")
	r.hub(wire.KindResult, result(s.ID, pay.StatusUnknown))
	r.want(s.ID, localapi.StateUnknown, "")
	r.pass(2 * time.Minute)
	r.want(s.ID, localapi.StateUnknown, "fence")
	r.hub(wire.KindResult, tombstone(s.ID)) // the hub contradicts itself: it had it
	r.want(s.ID, localapi.StateUnknown, "fence")
	if got := r.events(s.ID); !strings.HasSuffix(got, "contradiction") {
		t.Errorf("events: %s", got)
	}
}

// TestMessagesTakenByAnother: a copy of this till acknowledged messages. The till goes on behind them, and asks about
// every sale whose end may have been among them.
func TestMessagesTakenByAnother(t *testing.T) {
	r := newRig(t)
	known, sending, waits := r.charging(1), r.charging(2), r.begin(localapi.NewSale{Amount: 5})
	r.hub(wire.KindResult, result(known.ID, pay.StatusPending))
	r.want(known.ID, localapi.StateAccepted, "pay")
	skip := func(through uint64) {
		t.Helper()
		if err := r.till.Receive(envelope(t, 0, wire.KindSkipped, wire.Skipped{Through: through})); err != nil {
			t.Fatal(err)
		}
	}
	skip(1) // it has that one
	r.want(known.ID, localapi.StateAccepted, "pay")
	skip(5)
	r.want(known.ID, localapi.StateUnknown, "fence pay") // the charge is asked for again anyway
	r.want(sending.ID, localapi.StateSending, "fence pay")
	r.want(waits.ID, localapi.StateWaiting, "fence pay")
	if got := r.events(""); got != "skipped" || r.till.DownSeq() != 5 {
		t.Errorf("events %q, and %d are stored", got, r.till.DownSeq())
	}
	skip(5) // an old one, replayed
	skip(3)
	r.crash()
	if r.till.DownSeq() != 5 {
		t.Errorf("after a restart %d are stored", r.till.DownSeq())
	}
	r.down = 5
	r.hub(wire.KindResult, result(known.ID, pay.StatusSucceeded))
	r.hub(wire.KindResult, result(sending.ID, pay.StatusSucceeded))
	r.want(known.ID, localapi.StatePaid, "")
	r.want(sending.ID, localapi.StatePaid, "")
	x := r.refund(known.ID, localapi.NewRefund{Amount: 100})
	r.hub(wire.KindRefundResult, back(x, pay.RefundPending))
	r.wantRefund(x.ID, localapi.RefundPending, "")
	skip(9)
	r.wantRefund(x.ID, localapi.RefundPending, "refund")
	if got := r.events(""); got != "skipped skipped" {
		t.Errorf("events %q", got)
	}
}

func TestARefusalIsFencedFirst(t *testing.T) {
	r := newRig(t)
	s := r.charging(1)
	r.hub(wire.KindRefused, wire.Refused{Key: s.ID, Code: "code.expired", Message: "The code is too old: scan a fresh one."})
	r.want(s.ID, localapi.StateUnknown, "fence")
	r.hub(wire.KindResult, tombstone(s.ID))
	got := r.want(s.ID, localapi.StateDeclined, "")
	if got.Reason != "code.expired" || got.Message != "The code is too old: scan a fresh one." {
		t.Errorf("%+v", got)
	}
}

func (r *rig) cancel(key string) localapi.Sale {
	r.Helper()
	s, err := r.till.Cancel(key)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func TestCancel(t *testing.T) {
	r := newRig(t)
	waiting := r.begin(localapi.NewSale{Amount: 1})
	unsent := r.begin(localapi.NewSale{Amount: 1280, Code: code(1)})
	for _, s := range []localapi.Sale{waiting, unsent} {
		if got := r.cancel(s.ID); got.State != localapi.StateCancelled {
			t.Errorf("nothing left, and it is %s", got.State)
		}
		if got := r.cancel(s.ID); got.State != localapi.StateCancelled {
			t.Errorf("cancelled again it is %s", got.State)
		}
	}
	undone, late, lost := r.charging(2), r.charging(3), r.charging(4)
	for _, s := range []localapi.Sale{undone, late, lost} {
		if got := r.cancel(s.ID); got.State != localapi.StateCancelling || got.Outcome != pay.Unknown {
			t.Errorf("it may have left, and it is %s (%s)", got.State, got.Outcome)
		}
		r.cancel(s.ID)
	}
	r.want(undone.ID, localapi.StateCancelling, "cancel cancel cancel")
	r.hub(wire.KindResult, result(undone.ID, pay.StatusPending)) // crossed the cancel on the way
	r.want(undone.ID, localapi.StateCancelling, "cancel cancel cancel")
	r.hub(wire.KindResult, result(undone.ID, pay.StatusReversing))
	r.want(undone.ID, localapi.StateCancelling, "cancel cancel")
	r.hub(wire.KindResult, result(undone.ID, pay.StatusReversed))
	r.hub(wire.KindResult, result(late.ID, pay.StatusSucceeded))
	r.hub(wire.KindResult, tombstone(lost.ID))
	r.want(undone.ID, localapi.StateReversed, "")
	r.want(late.ID, localapi.StatePaid, "")
	r.want(lost.ID, localapi.StateReversed, "")
	if _, err := r.till.Cancel(late.ID); fault.CodeOf(err) != "sale.paid" || fault.KindOf(err) != fault.Conflict {
		t.Errorf("a paid sale: %v", err)
	}
	if _, err := r.till.Cancel("sale_none"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no sale: %v", err)
	}
}

func TestUnknownsGoFirst(t *testing.T) {
	r := newRig(t)
	old := r.charging(1)
	r.pass(20 * time.Second)
	r.charging(2)
	r.charging(3)
	r.pass(30 * time.Second) // old is fenced now
	if got := r.outgoing(); got != "fence pay pay" {
		t.Errorf("outgoing: %s", got)
	}
	r.want(old.ID, localapi.StateUnknown, "fence pay pay")
}

func TestTheHubsMessages(t *testing.T) {
	r := newRig(t)
	a, b := r.charging(1), r.charging(2)
	receive := func(seq uint64, kind wire.Kind, body any, down uint64) {
		t.Helper()
		if err := r.till.Receive(envelope(t, seq, kind, body)); err != nil {
			t.Fatal(err)
		}
		if got := r.till.DownSeq(); got != down {
			t.Errorf("after %d everything up to %d is stored, want %d", seq, got, down)
		}
	}
	receive(2, wire.KindResult, result(a.ID, pay.StatusSucceeded), 0) // overtook the first
	r.want(a.ID, localapi.StatePaid, "pay")
	receive(1, wire.KindResult, result(a.ID, pay.StatusPending), 1)
	r.want(a.ID, localapi.StatePaid, "pay")
	receive(2, wire.KindResult, result(a.ID, pay.StatusSucceeded), 2)
	receive(2, wire.KindResult, result(a.ID, pay.StatusSucceeded), 2)
	receive(1, wire.KindResult, result(b.ID, pay.StatusSucceeded), 2) // an old number is old news, whatever it says
	r.want(b.ID, localapi.StateSending, "pay")
	receive(3, wire.KindResult, result(a.ID, pay.StatusDeclined), 3) // against what was shown
	r.want(a.ID, localapi.StatePaid, "pay")
	receive(4, wire.KindResult, result("sale_of_nobody", pay.StatusSucceeded), 4)
	receive(5, wire.KindResult, map[string]any{"key": b.ID, "status": 7}, 5)
	receive(6, wire.KindResult, wire.Result{Key: b.ID, Status: pay.StatusSucceeded, Outcome: pay.NotPaid}, 6)
	other := result(b.ID, pay.StatusSucceeded)
	other.Amount = 1
	receive(7, wire.KindResult, other, 7)
	r.want(b.ID, localapi.StateSending, "pay")
	receive(0, wire.KindWelcome, wire.Welcome{}, 7) // the link's business
	if got := r.events(a.ID); got != "new approved contradiction" {
		t.Errorf("a: %s", got)
	}
	if got := r.events(b.ID); got != "new contradiction contradiction contradiction" {
		t.Errorf("b: %s", got)
	}
	if got := r.events(""); got != "unusable" {
		t.Errorf("none: %s", got)
	}
}

func TestAFailingJournalSaysNothingAndEndsTheTill(t *testing.T) {
	r := newRig(t)
	s := r.charging(1)
	ended := make(chan error, 1)
	go func() { ended <- r.till.Run(t.Context()) }()
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.till.Cancel(s.ID); fault.KindOf(err) != fault.InDoubt {
		t.Errorf("a cancel nobody knows of is answered with %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("Run ended well")
	}
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 5}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("it still takes orders: %v", err)
	}
	if r.till.Leaving(1) {
		t.Error("it still sends")
	}
	if err := r.till.Receive(envelope(t, 1, wire.KindResult, result(s.ID, pay.StatusSucceeded))); err == nil {
		t.Error("it still hears")
	}
	got, err := r.till.Sale(s.ID)
	if err != nil || got.Outcome != pay.Unknown {
		t.Errorf("the open sale shows %s, %v", got.Outcome, err)
	}
}

func TestFiftyEqualRequestsAreOneSale(t *testing.T) {
	for name, n := range map[string]localapi.NewSale{
		"by order": {Amount: 1280, OrderNo: "A-1"},
		"by code":  {Amount: 1280, Code: code(1)},
		"by both":  {Amount: 1280, OrderNo: "A-1", Code: code(1)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			type answer struct {
				sale  localapi.Sale
				fresh bool
				err   error
			}
			answers := make(chan answer, 50)
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					s, fresh, err := r.till.NewSale(n)
					answers <- answer{s, fresh, err}
				})
			}
			all.Wait()
			ids, fresh := map[string]bool{}, 0
			for range 50 {
				a := <-answers
				if a.err != nil {
					t.Fatal(a.err)
				}
				ids[a.sale.ID] = true
				if a.fresh {
					fresh++
				}
			}
			list, err := r.till.Sales(100)
			if len(ids) != 1 || fresh != 1 || len(list) != 1 || err != nil {
				t.Errorf("%d sales, %d new, %d stored, %v", len(ids), fresh, len(list), err)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	r := newRig(t)
	r.begin(localapi.NewSale{Amount: 1})
	r.pass(time.Second)
	r.begin(localapi.NewSale{Amount: 10, Code: code(1)})
	r.pass(time.Second)
	r.charging(2)
	r.till.ScannersChanged([]localapi.Scanner{{Path: "/dev/x", Connected: true}})
	r.till.LinkChanged(hublink.State{Up: true, Since: start, Offset: -1500 * time.Millisecond})
	got := r.till.Status()
	if got.Link != "up" || got.Queue != 2 || got.OpenSales != 3 || got.PendingAmount != 1280 || got.ClockOffsetMS != -1500 ||
		got.OldestWaiting == nil || !got.OldestWaiting.Equal(start.Add(time.Second)) || len(got.Scanners) != 1 || got.Terminal != "trm_1" {
		t.Errorf("%+v", got)
	}
	r.till.LinkChanged(hublink.State{Since: start, Message: "no network"})
	got = r.till.Status()
	if got.Link != "down" || got.LinkMessage != "no network" {
		t.Errorf("%+v", got)
	}
	sales, err := r.till.Sales(3)
	if err != nil || sales[1].Reason != "link_down" || sales[0].Reason == "link_down" {
		t.Errorf("the unsent sale does not name the link, or the sent one does: %+v, %v", sales, err)
	}
}

func TestTooManyOpenSales(t *testing.T) {
	r := newRig(t)
	r.till.LimitOpen(3)
	for range 3 {
		r.begin(localapi.NewSale{Amount: 1})
	}
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 1}); fault.CodeOf(err) != "sale.too_many_open" {
		t.Error(err)
	}
}

func TestRunCarriesTheDeadlines(t *testing.T) {
	r := newRig(t)
	s := r.begin(localapi.NewSale{Amount: money.Max, Code: code(1)})
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	r.elapsed.Add(int64(time.Minute))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.till.Run(ctx) }()
	for {
		e, ok := watch.Next(ctx)
		if !ok {
			t.Fatal("no event")
		}
		if e.Sale != nil && e.Sale.ID == s.ID && e.Sale.State == localapi.StateLapsed {
			break
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
