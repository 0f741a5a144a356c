package till_test

import (
	"bytes"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// paid makes a sale of 1280 fen that a wallet paid.
func (r *rig) paid(n int) localapi.Sale {
	r.Helper()
	s := r.charging(n)
	r.hub(wire.KindResult, result(s.ID, pay.StatusSucceeded))
	return s
}

func (r *rig) refund(saleID string, n localapi.NewRefund) localapi.Refund {
	r.Helper()
	x, _, err := r.till.NewRefund(saleID, n)
	if err != nil {
		r.Fatal(err)
	}
	return x
}

// back is the hub's word about a refund.
func back(x localapi.Refund, status pay.RefundStatus) wire.RefundResult {
	return wire.RefundResult{Key: x.ID, RefundID: "hub_" + x.ID, Status: status, Outcome: status.Outcome(), Amount: x.Amount}
}

func (r *rig) wantRefund(id string, state localapi.RefundState, outgoing string) localapi.Refund {
	r.Helper()
	x, err := r.till.Refund(id)
	if err != nil {
		r.Fatal(err)
	}
	if x.State != state || x.Outcome != state.Outcome() || r.outgoing() != outgoing {
		r.Errorf("the refund is %s (%s), outgoing %q; want %s, %q", x.State, x.Outcome, r.outgoing(), state, outgoing)
	}
	if (x.FinishedAt != nil) != state.Final() || x.Message == "" || x.Code == "" {
		r.Errorf("%s: finished %v, %q %q", x.State, x.FinishedAt, x.Code, x.Message)
	}
	return x
}

// wantBack checks what a sale says went back.
func (r *rig) wantBack(saleID string, refunded, refunding int64) {
	r.Helper()
	one, err := r.till.Sale(saleID)
	if err != nil {
		r.Fatal(err)
	}
	if one.RefundedAmount != refunded || one.RefundingAmount != refunding || one.State != localapi.StatePaid || one.Outcome != pay.Paid {
		r.Errorf("of the sale %d went back and %d are asked back (%s); want %d and %d", one.RefundedAmount, one.RefundingAmount, one.State, refunded, refunding)
	}
	all, err := r.till.Sales(1000)
	if err != nil {
		r.Fatal(err)
	}
	for _, s := range all {
		if s.ID == saleID && (s.RefundedAmount != refunded || s.RefundingAmount != refunding) {
			r.Errorf("in the list it is %d and %d; want %d and %d", s.RefundedAmount, s.RefundingAmount, refunded, refunding)
		}
	}
}

func TestTheWayOfARefund(t *testing.T) {
	r := newRig(t)
	s := r.paid(1)
	r.till.LinkChanged(hublink.State{Since: r.now(), Message: "no network"})
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	wakes := r.wakes
	x, fresh, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: 500, RefundNo: "R-1", Reason: "cold tea"})
	if err != nil || !fresh || x.RefundNo != "R-1" || x.Sale != s.ID || x.Amount != 500 || x.Reason != "cold tea" ||
		x.Code != "refund_queued" || x.Outcome != pay.RefundInDoubt || r.wakes != wakes+1 {
		t.Fatalf("%+v, %v, %v", x, fresh, err)
	}
	r.wantRefund(x.ID, localapi.RefundQueued, "refund") // without a link it is asked, not carried out
	r.wantBack(s.ID, 0, 500)
	e, _ := watch.Next(t.Context())
	if e.Kind != localapi.EventRefund || e.Refund == nil || *e.Refund != x {
		t.Errorf("told %+v", e)
	}
	if e, _ = watch.Next(t.Context()); e.Sale == nil || e.Sale.ID != s.ID || e.Sale.RefundingAmount != 500 {
		t.Errorf("told %+v", e)
	}
	if e, _ = watch.Next(t.Context()); e.Status == nil || e.Status.QueuedRefunds != 1 || e.Status.OpenRefunds != 1 ||
		e.Status.PendingRefundsAmount != 500 || e.Status.Queue != 1 || !e.Status.OldestWaiting.Equal(x.CreatedAt) || e.Status.PendingAmount != 0 {
		t.Errorf("told %+v", e.Status)
	}
	for range 3 { // any number of times, the same words
		m := r.leave(x.ID, wire.KindRefund)
		want := wire.Refund{Key: x.ID, Sale: s.ID, RefundNo: "R-1", Amount: 500, Currency: "CNY", Reason: "cold tea", AskedAt: start}
		if m.Body != want || !m.Exp.IsZero() {
			t.Errorf("%+v until %v, want %+v for ever", m.Body, m.Exp, want)
		}
		r.pass(time.Minute)
	}
	r.hub(wire.KindRefundResult, back(x, pay.RefundPending))
	r.wantRefund(x.ID, localapi.RefundPending, "")
	r.wantBack(s.ID, 0, 500)
	done := back(x, pay.RefundSucceeded)
	done.WalletRef = "5030001"
	r.hub(wire.KindRefundResult, done)
	got := r.wantRefund(x.ID, localapi.RefundSucceeded, "")
	if got.WalletRef != "5030001" || got.RefundID != "hub_"+x.ID || got.Code != "refunded" {
		t.Errorf("%+v", got)
	}
	r.wantBack(s.ID, 500, 0)
	if got := r.events(s.ID); got != "new approved refund.new refund.taken refund.succeeded" {
		t.Errorf("events: %s", got)
	}
	if st := r.till.Status(); st.QueuedRefunds != 0 || st.OpenRefunds != 0 || st.PendingRefundsAmount != 0 || st.Queue != 0 || st.OldestWaiting != nil {
		t.Errorf("%+v", st)
	}
	r.crash()
	if again := r.wantRefund(x.ID, localapi.RefundSucceeded, ""); !again.FinishedAt.Equal(*got.FinishedAt) {
		t.Errorf("after a restart: %+v", again)
	}
	list, err := r.till.Refunds(s.ID)
	if err != nil || len(list) != 1 || list[0].ID != x.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := r.till.Refunds("sale_none"); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, err := r.till.Refund("ref_none"); fault.CodeOf(err) != "refund.unknown" {
		t.Error(err)
	}
}

func TestARefusedRefundGivesItsMoneyFree(t *testing.T) {
	r := newRig(t)
	s := r.paid(1)
	x := r.refund(s.ID, localapi.NewRefund{Amount: 1280, RefundNo: "R-1"})
	failed := back(x, pay.RefundFailed)
	failed.Reason, failed.Message = "refund.too_late", "The wallet's time for refunds is over."
	r.hub(wire.KindRefundResult, failed)
	got := r.wantRefund(x.ID, localapi.RefundFailed, "")
	if got.Code != "refund.too_late" || got.Message != failed.Message {
		t.Errorf("%+v", got)
	}
	r.wantBack(s.ID, 0, 0)
	if again, fresh, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: 1280, RefundNo: "R-1"}); err != nil || fresh || again.ID != x.ID {
		t.Errorf("the same number tries anew: %+v, %v, %v", again, fresh, err)
	}
	y := r.refund(s.ID, localapi.NewRefund{Amount: 1280})
	if y.RefundNo != y.ID {
		t.Errorf("without a number it is called %s", y.RefundNo)
	}
	r.hub(wire.KindRefused, wire.Refused{Key: y.ID, Code: "refund.malformed", Message: "The request is malformed."})
	if got := r.wantRefund(y.ID, localapi.RefundFailed, ""); got.Code != "refund.malformed" {
		t.Errorf("%+v", got)
	}
	r.hub(wire.KindRefused, wire.Refused{Key: y.ID, Code: "refund.malformed"}) // of a second copy
	r.hub(wire.KindRefundResult, back(y, pay.RefundPending))                   // and yet it has it
	r.wantRefund(y.ID, localapi.RefundFailed, "")
	if got := r.events(s.ID); got != "new approved refund.new refund.failed refund.new refund.refused refund.contradiction" {
		t.Errorf("events: %s", got)
	}
}

func TestWhatIsNotRefunded(t *testing.T) {
	r := newRig(t)
	paid, cash := r.paid(1), r.cash("B-1")
	open := r.charging(2)
	waiting := r.begin(localapi.NewSale{Amount: 1})
	declined := r.charging(3)
	r.hub(wire.KindResult, result(declined.ID, pay.StatusDeclined))
	r.refund(paid.ID, localapi.NewRefund{Amount: 1000, RefundNo: "R-1", Reason: "cold"})
	long := string(make([]byte, 81))
	for _, c := range []struct {
		sale string
		n    localapi.NewRefund
		kind fault.Kind
		code string
	}{
		{"sale_none", localapi.NewRefund{Amount: 1}, fault.NotFound, "sale.unknown"},
		{open.ID, localapi.NewRefund{Amount: 1}, fault.Conflict, "refund.not_paid"},
		{waiting.ID, localapi.NewRefund{Amount: 1}, fault.Conflict, "refund.not_paid"},
		{declined.ID, localapi.NewRefund{Amount: 1}, fault.Conflict, "refund.not_paid"},
		{paid.ID, localapi.NewRefund{Amount: 281}, fault.Conflict, "refund.too_much"},
		{cash.ID, localapi.NewRefund{Amount: 1281}, fault.Conflict, "refund.too_much"},
		{paid.ID, localapi.NewRefund{}, fault.Invalid, "money.not_positive"},
		{paid.ID, localapi.NewRefund{Amount: -1}, fault.Invalid, "money.not_positive"},
		{paid.ID, localapi.NewRefund{Amount: 1, RefundNo: long[:65]}, fault.Invalid, "sale.refund_no"},
		{paid.ID, localapi.NewRefund{Amount: 1, Reason: long}, fault.Invalid, "sale.reason"},
		{paid.ID, localapi.NewRefund{Amount: 1, Reason: "a\nb"}, fault.Invalid, "sale.reason"},
		{paid.ID, localapi.NewRefund{Amount: 999, RefundNo: "R-1", Reason: "cold"}, fault.Conflict, "refund.other_content"},
		{paid.ID, localapi.NewRefund{Amount: 1000, RefundNo: "R-1"}, fault.Conflict, "refund.other_content"},
		{cash.ID, localapi.NewRefund{Amount: 1000, RefundNo: "R-1", Reason: "cold"}, fault.Conflict, "refund.other_content"},
	} {
		if _, _, err := r.till.NewRefund(c.sale, c.n); fault.KindOf(err) != c.kind || fault.CodeOf(err) != c.code {
			t.Errorf("%+v of %s: %v (%s), want %s", c.n, c.sale, err, fault.CodeOf(err), c.code)
		}
	}
	r.wantBack(paid.ID, 0, 1000)
	r.wantBack(cash.ID, 0, 0)
}

// TestMoneyInTheHandGoesBackAtOnce: with a link or without, and no word of the hub can be about it.
func TestMoneyInTheHandGoesBackAtOnce(t *testing.T) {
	r := newRig(t)
	r.till.LinkChanged(hublink.State{Since: r.now(), Message: "no network"})
	for i, tender := range []localapi.Tender{localapi.TenderCash, localapi.TenderOther} {
		s := r.begin(localapi.NewSale{Amount: 1280, Tender: tender})
		x := r.refund(s.ID, localapi.NewRefund{Amount: 1000})
		if x.State != localapi.RefundSucceeded || x.Outcome != pay.Refunded || x.Tender != tender || x.RefundID != "" {
			t.Errorf("%+v", x)
		}
		r.wantBack(s.ID, 1000, 0)
		if _, _, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: 281}); fault.CodeOf(err) != "refund.too_much" {
			t.Errorf("more than is left: %v", err)
		}
		r.refund(s.ID, localapi.NewRefund{Amount: 280})
		r.hub(wire.KindRefundResult, back(x, pay.RefundFailed))
		r.crash()
		r.wantRefund(x.ID, localapi.RefundSucceeded, "")
		if got := r.events(s.ID); got != "new refund.new refund.new refund.contradiction" {
			t.Errorf("events: %s", got)
		}
		if r.till.Status().OpenRefunds != 0 || r.wakes != 0 {
			t.Errorf("%d: the hub is asked for money it never had", i)
		}
	}
}

// TestTheHubsWordsAboutRefunds: twice, out of order, overtaken, contradicting.
func TestTheHubsWordsAboutRefunds(t *testing.T) {
	r := newRig(t)
	s := r.paid(1)
	x := r.refund(s.ID, localapi.NewRefund{Amount: 500})
	y := r.refund(s.ID, localapi.NewRefund{Amount: 300})
	receive := func(seq uint64, kind wire.Kind, body any, down uint64) {
		t.Helper()
		if err := r.till.Receive(envelope(t, seq, kind, body)); err != nil {
			t.Fatal(err)
		}
		if got := r.till.DownSeq(); got != down {
			t.Errorf("after %d everything up to %d is stored, want %d", seq, got, down)
		}
	}
	receive(3, wire.KindRefundResult, back(x, pay.RefundSucceeded), 1) // overtook the second
	r.wantRefund(x.ID, localapi.RefundSucceeded, "refund")
	receive(2, wire.KindRefundResult, back(x, pay.RefundPending), 2)
	receive(3, wire.KindRefundResult, back(x, pay.RefundSucceeded), 3)
	receive(3, wire.KindRefundResult, back(x, pay.RefundSucceeded), 3)
	receive(2, wire.KindRefundResult, back(y, pay.RefundSucceeded), 3) // an old number is old news, whatever it says
	r.wantRefund(y.ID, localapi.RefundQueued, "refund")
	receive(4, wire.KindRefundResult, back(x, pay.RefundFailed), 4) // against what was shown
	r.wantRefund(x.ID, localapi.RefundSucceeded, "refund")
	other := back(y, pay.RefundSucceeded)
	other.Amount = 299
	receive(5, wire.KindRefundResult, other, 5)
	receive(6, wire.KindRefundResult, map[string]any{"key": y.ID, "status": 7}, 6)
	receive(7, wire.KindRefundResult, wire.RefundResult{Key: y.ID, RefundID: "h", Status: pay.RefundSucceeded, Outcome: pay.NotRefunded, Amount: 300}, 7)
	receive(8, wire.KindResult, result(y.ID, pay.StatusSucceeded), 8) // a sale's word under a refund's key
	receive(9, wire.KindRefundResult, back(localapi.Refund{ID: s.ID, Amount: 1280}, pay.RefundSucceeded), 9)
	receive(10, wire.KindRefundResult, back(localapi.Refund{ID: "ref_of_nobody", Amount: 1}, pay.RefundSucceeded), 10)
	receive(11, wire.KindRefundResult, back(y, pay.RefundPending), 11)
	receive(12, wire.KindRefused, wire.Refused{Key: y.ID, Code: "refund.malformed"}, 12) // of a spoilt copy: the hub has it
	r.wantRefund(y.ID, localapi.RefundPending, "")
	r.wantBack(s.ID, 500, 300)
	if got := r.events(s.ID); got != "new approved refund.new refund.new refund.succeeded refund.contradiction refund.contradiction "+
		"refund.contradiction refund.contradiction refund.contradiction contradiction refund.taken" {
		t.Errorf("events: %s", got)
	}
	if got := r.events(""); got != "unusable" {
		t.Errorf("none: %s", got)
	}
}

// TestRefundsGoLast: doubts, then new money, then refunds.
func TestRefundsGoLast(t *testing.T) {
	r := newRig(t)
	x := r.refund(r.paid(1).ID, localapi.NewRefund{Amount: 1})
	r.charging(2)
	r.pass(40 * time.Second)
	stopped, last := r.charging(3), r.paid(5)
	r.charging(4)
	r.cancel(stopped.ID)
	r.refund(r.cash("B-1").ID, localapi.NewRefund{Amount: 1})
	r.pass(10 * time.Second)
	r.refund(last.ID, localapi.NewRefund{Amount: 2})
	if got := r.outgoing(); got != "fence cancel pay refund refund" && got != "cancel fence pay refund refund" {
		t.Errorf("outgoing: %s", got)
	}
	if list := r.till.Outgoing(); keyOf(list[3]) != x.ID {
		t.Error("a newer refund goes before an older one")
	}
}

func TestSilenceAboutARefundIsAskedAbout(t *testing.T) {
	r := newRig(t)
	x := r.refund(r.paid(1).ID, localapi.NewRefund{Amount: 1})
	r.hub(wire.KindRefundResult, back(x, pay.RefundPending))
	r.pass(59 * time.Minute)
	r.hub(wire.KindRefundResult, back(x, pay.RefundPending)) // a word, and the hour begins anew
	r.pass(59 * time.Minute)
	r.wantRefund(x.ID, localapi.RefundPending, "")
	r.pass(time.Minute)
	r.wantRefund(x.ID, localapi.RefundPending, "refund")
	r.hub(wire.KindRefundResult, back(x, pay.RefundUnknown))
	r.wantRefund(x.ID, localapi.RefundPending, "")
}

func TestRefundsOnANearlyFullDisk(t *testing.T) {
	r := newRig(t)
	s, cash := r.paid(1), r.cash("B-1")
	x := r.refund(s.ID, localapi.NewRefund{Amount: 500, RefundNo: "R-1"})
	r.free = 8<<20 - 1
	r.pass(time.Second)
	for _, id := range []string{s.ID, cash.ID} {
		if _, _, err := r.till.NewRefund(id, localapi.NewRefund{Amount: 1}); fault.CodeOf(err) != "till.storage_full" || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a new refund: %v", err)
		}
	}
	if again := r.refund(s.ID, localapi.NewRefund{Amount: 500, RefundNo: "R-1"}); again.ID != x.ID {
		t.Error("a repeated request is another refund")
	}
	r.hub(wire.KindRefundResult, back(x, pay.RefundSucceeded)) // what was asked is settled
	r.wantRefund(x.ID, localapi.RefundSucceeded, "")
}

func TestTooManyOpenRefunds(t *testing.T) {
	r := newRig(t)
	s := r.paid(1)
	r.till.LimitOpen(3)
	for range 3 {
		r.refund(s.ID, localapi.NewRefund{Amount: 1})
	}
	if _, _, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: 1}); fault.CodeOf(err) != "refund.too_many_open" {
		t.Error(err)
	}
}

// TestTheHubsCopyOfARefund: its events stand in the chain of their sale, where the hub looks for them.
func TestTheHubsCopyOfARefund(t *testing.T) {
	r := newRig(t)
	s, cash := r.paid(1), r.cash("B-1")
	x := r.refund(s.ID, localapi.NewRefund{Amount: 500})
	r.refund(cash.ID, localapi.NewRefund{Amount: 500})
	r.hub(wire.KindRefundResult, back(x, pay.RefundSucceeded))
	m, err := r.till.Records(0, 1<<20)
	if err != nil || m.Check() != nil {
		t.Fatal(err, m.Check())
	}
	kinds, last := map[string]string{}, map[string][]byte{}
	for _, row := range m.Rows {
		kinds[row.Sale] += " " + row.Kind
		if want := last[row.Sale]; want != nil && !bytes.Equal(row.Prev, want) {
			t.Errorf("row %d does not follow", row.Seq)
		}
		last[row.Sale] = row.Hash()
	}
	if kinds[s.ID] != " new approved refund.new refund.succeeded" || kinds[cash.ID] != " new refund.new" || len(kinds) != 2 {
		t.Errorf("%q", kinds)
	}
}
