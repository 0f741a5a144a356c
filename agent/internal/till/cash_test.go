package till_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

func (r *rig) cash(orderNo string) localapi.Sale {
	r.Helper()
	return r.begin(localapi.NewSale{Amount: 1280, OrderNo: orderNo, Tender: localapi.TenderCash})
}

// unsynced gives what the status says is not at the hub.
func (r *rig) unsynced() int {
	r.Helper()
	s := r.till.Status()
	if (s.Unsynced == 0) != (s.UnsyncedSince == nil) {
		r.Errorf("%d not synced since %v", s.Unsynced, s.UnsyncedSince)
	}
	return s.Unsynced
}

func TestCashWithoutALink(t *testing.T) {
	r := newRig(t)
	r.till.LinkChanged(hublink.State{Since: r.now(), Message: "no network"})
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	for i, tender := range []localapi.Tender{localapi.TenderCash, localapi.TenderOther} {
		s, fresh, err := r.till.NewSale(localapi.NewSale{Amount: 1280, OrderNo: "A-" + string(tender), Tender: tender, Subject: "tea"})
		if err != nil || !fresh || s.State != localapi.StatePaid || s.Outcome != pay.Paid || s.Tender != tender || s.Reason != string(tender) ||
			s.Message == "" || s.FinishedAt == nil || s.ScannedAt != nil || s.Wallet != "" || s.PaymentID != "" || s.Subject != "tea" {
			t.Fatalf("%+v, %v, %v", s, fresh, err)
		}
		if e, ok := watch.Next(t.Context()); !ok || e.Sale == nil || e.Sale.ID != s.ID || e.Sale.State != localapi.StatePaid {
			t.Errorf("told %+v", e)
		}
		if e, ok := watch.Next(t.Context()); !ok || e.Status == nil || e.Status.Unsynced != i+1 {
			t.Errorf("told %+v", e)
		}
		r.crash() // at once: it is on the disk
		if again := r.want(s.ID, localapi.StatePaid, ""); again.Tender != tender || !again.FinishedAt.Equal(*s.FinishedAt) {
			t.Errorf("%+v", again)
		}
		if watch, err = r.till.Watch(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.till.Cancel(s.ID); fault.CodeOf(err) != "sale.money_taken" {
			t.Errorf("cancel: %v", err)
		}
		if r.events(s.ID) != "new" {
			t.Errorf("events: %s", r.events(s.ID))
		}
	}
	if r.wakes != 0 || r.grown != 2 {
		t.Errorf("the link was woken %d times for money and told %d times of events", r.wakes, r.grown)
	}
	if s := r.till.Status(); s.Queue != 0 || s.PendingAmount != 0 || s.OpenSales != 0 || s.Unsynced != 2 || !s.UnsyncedSince.Equal(start) {
		t.Errorf("%+v", s)
	}
}

// TestCashAfterAWallet: the money of one order is taken once, whatever the customer pays with.
func TestCashAfterAWallet(t *testing.T) {
	r := newRig(t)
	again := localapi.NewSale{Amount: 1280, OrderNo: "A-1", Tender: localapi.TenderCash}
	s := r.charging(1)
	if _, _, err := r.till.NewSale(again); fault.CodeOf(err) != "sale.order_open" {
		t.Errorf("while it may be charged: %v", err)
	}
	r.hub(wire.KindResult, result(s.ID, pay.StatusDeclined))
	taken := r.begin(again)
	if same := r.begin(again); same.ID != taken.ID {
		t.Error("repeated it is another sale")
	}
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Code: code(2)}); fault.CodeOf(err) != "sale.order_paid" {
		t.Errorf("a wallet after the cash: %v", err)
	}
	// the hub speaks of a sale it cannot have: kept for a person, and it moves nothing
	r.hub(wire.KindResult, result(taken.ID, pay.StatusReversed))
	r.want(taken.ID, localapi.StatePaid, "")
	if got := r.events(taken.ID); got != "new contradiction" {
		t.Errorf("events: %s", got)
	}
}

// TestTheHubsCopy: what the till hands out for the hub is its whole log, chained, without a code.
func TestTheHubsCopy(t *testing.T) {
	r := newRig(t)
	for n := range 30 {
		r.cash("B-" + string(rune('a'+n)))
		s := r.charging(n)
		r.hub(wire.KindResult, result(s.ID, pay.StatusSucceeded))
	}
	r.hub(wire.KindResult, map[string]any{"key": "sale_of_nobody", "text": strings.Repeat("<&\u2028\"", 3000)})
	head := r.till.Head()
	if head != 91 {
		t.Fatalf("%d events", head)
	}
	last, hashes := map[string][]byte{}, map[uint64][]byte{}
	for after, messages := uint64(0), 0; after < head; messages++ {
		m, err := r.till.Records(after, 1<<20)
		if err != nil || m.Check() != nil || len(m.Rows) == 0 || !bytes.Equal(m.Hash, hashes[after]) || messages > 10 {
			t.Fatalf("after %d: %d rows, %v, %v", after, len(m.Rows), err, m.Check())
		}
		data, err := json.Marshal(m)
		if err != nil || len(data) > wire.MaxRecordsBytes+200 {
			t.Errorf("%d bytes, %v", len(data), err)
		}
		if bytes.Contains(data, []byte("1300000000000000")) {
			t.Errorf("a payment code travels: %s", data)
		}
		var there wire.Records
		if err := json.Unmarshal(data, &there); err != nil {
			t.Fatal(err)
		}
		for _, row := range there.Rows {
			want := last[row.Sale]
			if want == nil {
				want = make([]byte, sha256.Size)
			}
			if !bytes.Equal(row.Prev, want) {
				t.Errorf("row %d does not follow", row.Seq)
			}
			last[row.Sale], hashes[row.Seq] = row.Hash(), row.Hash()
			after = row.Seq
		}
	}
	if m, err := r.till.Records(head, 0); err != nil || len(m.Rows) != 0 || !bytes.Equal(m.Hash, hashes[head]) {
		t.Errorf("at the end: %+v, %v", m, err)
	}
	if m, err := r.till.Records(0, 0); err != nil || len(m.Rows) != 1 {
		t.Errorf("without room: %d rows, %v", len(m.Rows), err)
	}
	if m, err := r.till.Records(0, 1000); err != nil || len(m.Rows) < 2 || len(m.Rows) > 4 {
		t.Errorf("in a thousand bytes: %d rows, %v", len(m.Rows), err)
	}
}

// TestP18TheHubsWordCounts: the till's own note about the copy may be older or newer than the truth.
func TestP18TheHubsWordCounts(t *testing.T) {
	r := newRig(t)
	stored := func(through, fork uint64, want int) {
		t.Helper()
		if err := r.till.Stored(wire.Stored{Through: through, Fork: fork}); err != nil {
			t.Fatal(err)
		}
		if got := r.unsynced(); got != want {
			t.Errorf("after %d: %d not synced, want %d", through, got, want)
		}
	}
	for n := range 10 {
		r.cash("B-" + string(rune('a'+n)))
		r.pass(time.Second)
	}
	stored(4, 0, 6) // written down
	if since := r.till.Status().UnsyncedSince; !since.Equal(start.Add(4 * time.Second)) {
		t.Errorf("since %v", since)
	}
	stored(10, 0, 0) // not yet
	r.crash()
	if got := r.unsynced(); got != 6 {
		t.Errorf("the note is older than the hub: %d", got)
	}
	stored(10, 0, 0)
	stored(2, 0, 8) // an older hub was restored
	r.crash()
	if got := r.unsynced(); got != 0 {
		t.Errorf("the note is newer than the hub: %d", got)
	}
	stored(2, 0, 8)
	r.pass(time.Minute)
	stored(2, 0, 8)
	r.crash()
	if got := r.unsynced(); got != 8 {
		t.Errorf("the hub's word was not noted: %d", got)
	}
	stored(11, 0, 0) // an old journal was put back here
	if !strings.Contains(r.log.String(), "an old journal was put back") {
		t.Error("nobody is told")
	}
	stored(5, 6, 5)
	if !strings.Contains(r.log.String(), "another copy of this till's journal") {
		t.Error("nobody is told of the fork")
	}
	if r.till.SyncNow().Unsynced != 5 || r.syncs != 1 {
		t.Error("the link was not told to send now")
	}
}

func TestANearlyFullDisk(t *testing.T) {
	r := newRig(t)
	waiting := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-9"})
	s := r.charging(1)
	paid := r.cash("B-1")
	r.free = 8<<20 - 1
	r.begin(localapi.NewSale{Amount: 1280}) // within the second of the last look
	r.pass(time.Second)
	for _, n := range []localapi.NewSale{{Amount: 1}, {Amount: 1, Tender: localapi.TenderCash}, {Amount: 1, Code: code(5)}} {
		if _, _, err := r.till.NewSale(n); fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != "till.storage_full" ||
			!strings.Contains(err.Error(), "free some space") {
			t.Errorf("%+v: %v", n, err)
		}
	}
	asked := r.asked
	for range 100 {
		_, _, _ = r.till.NewSale(localapi.NewSale{Amount: 1})
	}
	if r.asked != asked {
		t.Errorf("the disk was looked at %d times within a second", r.asked-asked)
	}
	// what was begun goes on: repeated, scanned, answered, cancelled
	if again := r.cash("B-1"); again.ID != paid.ID {
		t.Error("a repeated request is another sale")
	}
	r.hub(wire.KindResult, result(s.ID, pay.StatusSucceeded))
	r.want(s.ID, localapi.StatePaid, "")
	if got := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-9", Code: code(9)}); got.ID != waiting.ID || got.State != localapi.StateSending {
		t.Errorf("%+v", got)
	}
	r.cancel(waiting.ID)
	r.free = 8 << 20
	r.pass(time.Second)
	r.cash("B-2")
}
