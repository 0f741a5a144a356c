package till_test

import (
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// TestADoubtHoldsBackItsLike: while nobody knows whether a customer was charged, a sale over the same
// amount needs somebody who says that it is another customer, and the journal remembers it.
func TestADoubtHoldsBackItsLike(t *testing.T) {
	r := newRig(t)
	doubt := r.charging(1)
	r.begin(localapi.NewSale{Amount: 1280, OrderNo: "B-0"}) // not in doubt yet
	r.pass(45 * time.Second)
	r.want(doubt.ID, localapi.StateUnknown, "fence")
	like := localapi.NewSale{Amount: 1280, OrderNo: "B-1"}
	for _, n := range []localapi.NewSale{like, {Amount: 1280}, {Amount: 1280, Code: code(2)}} {
		if _, _, err := r.till.NewSale(n); fault.CodeOf(err) != "sale.like_unknown" || fault.KindOf(err) != fault.Conflict {
			t.Errorf("%+v: %v", n, err)
		}
	}
	for _, n := range []localapi.NewSale{{Amount: 1281, OrderNo: "B-2"}, {Amount: 1280, OrderNo: "B-3", Tender: localapi.TenderCash},
		{Amount: 1280, OrderNo: doubt.OrderNo}} { // another amount, other money, the very sale
		if s := r.begin(n); r.events(s.ID) != "new" && s.ID != doubt.ID {
			t.Errorf("%+v: events %s", n, r.events(s.ID))
		}
	}
	like.Again = true
	other := r.begin(like)
	if got := r.events(other.ID); got != "new again" {
		t.Errorf("the override is not in the journal: %s", got)
	}
	if same, fresh, err := r.till.NewSale(localapi.NewSale{Amount: 1280, OrderNo: "B-1"}); err != nil || fresh || same.ID != other.ID {
		t.Errorf("the same order again: %+v, %v, %v", same, fresh, err)
	}
	r.cancel(doubt.ID)
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 1280}); fault.CodeOf(err) != "sale.like_unknown" {
		t.Errorf("while it is being undone: %v", err)
	}
	r.hub(wire.KindResult, result(doubt.ID, pay.StatusReversed))
	settled := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "B-4", Again: true})
	if got := r.events(settled.ID); got != "new" {
		t.Errorf("nothing was overridden: %s", got)
	}
}

// TestAScanBesideADoubt: the sale waited already when the doubt arose, and its first scan may be the
// same customer's second.
func TestAScanBesideADoubt(t *testing.T) {
	r := newRig(t)
	doubt := r.charging(1)
	waiting := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "B-1"})
	r.pass(45 * time.Second)
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if r.till.Scan(parsed(t, code(2)), r.now()) {
		t.Error("the scan was used")
	}
	if e, ok := watch.Next(t.Context()); !ok || e.Notice == nil || e.Notice.Kind != "like_unknown" {
		t.Errorf("told %+v", e)
	}
	r.want(waiting.ID, localapi.StateWaiting, "fence")
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 1280, OrderNo: "B-1", Code: code(2)}); fault.CodeOf(err) != "sale.like_unknown" {
		t.Errorf("by the shop's software: %v", err)
	}
	s, fresh, err := r.till.NewSale(localapi.NewSale{Amount: 1280, OrderNo: "B-1", Code: code(2), Again: true})
	if err != nil || fresh || s.ID != waiting.ID || s.State != localapi.StateSending {
		t.Errorf("%+v, %v, %v", s, fresh, err)
	}
	if got := r.events(waiting.ID); got != "new scan again" {
		t.Errorf("events: %s", got)
	}
	other := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "B-2", Again: true}) // said before the scan
	if !r.till.Scan(parsed(t, code(3)), r.now()) || r.events(other.ID) != "new again scan" {
		t.Errorf("events: %s", r.events(other.ID))
	}
	r.want(doubt.ID, localapi.StateUnknown, "fence pay pay")
}

func TestAnOldDoubtHoldsNobodyBack(t *testing.T) {
	r := newRig(t)
	r.charging(1)
	r.pass(5*time.Minute - time.Millisecond)
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 1280}); fault.CodeOf(err) != "sale.like_unknown" {
		t.Error(err)
	}
	r.crash()
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 1280}); fault.CodeOf(err) != "sale.like_unknown" {
		t.Errorf("after a restart: %v", err)
	}
	r.pass(time.Millisecond)
	r.begin(localapi.NewSale{Amount: 1280})
}
