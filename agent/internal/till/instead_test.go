package till_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// reached are the states in which a customer may bring out a code of their own instead.
var reached = map[string]func(r *rig) localapi.Sale{
	"wanted": func(r *rig) localapi.Sale {
		s := r.wanting("A-1")
		r.leave(s.ID, wire.KindPay)
		return s
	},
	"accepted": func(r *rig) localapi.Sale {
		s := r.wanting("A-1")
		r.leave(s.ID, wire.KindPay)
		r.hub(wire.KindResult, result(s.ID, pay.StatusPending))
		return s
	},
	"shown": func(r *rig) localapi.Sale { return r.showing("A-1", 2*time.Minute) },
}

// TestAScanBesideAShownCode: ours is cancelled first, and the scanned one leaves only when ours is proven unpaid, and
// only inside its own life. Whether the scanner reads it or the shop's software brings it makes no difference.
func TestAScanBesideAShownCode(t *testing.T) {
	brought := map[string]func(r *rig, text string){
		"scanned": func(r *rig, text string) {
			if !r.till.Scan(parsed(r.T, text), r.now()) {
				r.Error("not used")
			}
		},
		"requested": func(r *rig, text string) { r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Code: text}) },
	}
	for from, reach := range reached {
		for how, bring := range brought {
			for _, proof := range []pay.Status{pay.StatusReversed, pay.StatusClosed, pay.StatusDeclined, "tombstone", pay.StatusSucceeded} {
				if proof == "tombstone" && from != "wanted" {
					continue // the hub has shown its payment
				}
				t.Run(fmt.Sprintf("%s/%s/%s", from, how, proof), func(t *testing.T) {
					r := newRig(t)
					s := reach(r)
					bring(r, code(1))
					r.want(s.ID, localapi.StateCancelling, "cancel")
					r.pass(20 * time.Second)
					bring(r, code(1)) // read twice: it stays as old as it is
					r.want(s.ID, localapi.StateCancelling, "cancel")
					answer := result(s.ID, proof)
					if proof == "tombstone" {
						answer = tombstone(s.ID)
					}
					r.hub(wire.KindResult, answer)
					if proof == pay.StatusSucceeded {
						r.want(s.ID, localapi.StatePaid, "")
						if r.ofOrder("A-1").ID != s.ID || r.till.Codes() != 0 {
							t.Error("the scanned code is kept for a sale that is paid")
						}
						return
					}
					heir := r.ofOrder("A-1")
					if heir.ID == s.ID || heir.Mode != "" || heir.Amount != 1280 {
						t.Fatalf("%+v", heir)
					}
					r.want(heir.ID, localapi.StateSending, "pay")
					m := r.leave(heir.ID, wire.KindPay)
					if body := m.Body.(wire.Pay); body.Code != code(1) || body.CodeAgeMS != 20_000 || !m.Exp.Equal(start.Add(45*time.Second)) {
						t.Errorf("age %d, exp %v", body.CodeAgeMS, m.Exp)
					}
					if events := r.events(heir.ID); events != "new instead" {
						t.Errorf("%s", events)
					}
				})
			}
		}
	}
}

// TestAScannedCodeThatGrewTooOld: the proof took longer than the code lives, and nobody charges it.
func TestAScannedCodeThatGrewTooOld(t *testing.T) {
	for _, over := range []bool{true, false} { // the proof comes after the till noticed, or before
		r := newRig(t)
		watch, err := r.till.Watch()
		if err != nil {
			t.Fatal(err)
		}
		defer watch.Close()
		s := r.showing("A-1", 2*time.Minute)
		r.till.Scan(parsed(t, code(1)), r.now())
		if over {
			r.pass(45 * time.Second)
			if n := r.till.Codes(); n != 0 {
				t.Errorf("%d codes are kept past their life", n)
			}
		} else {
			r.elapsed.Add(int64(45 * time.Second))
		}
		r.hub(wire.KindResult, result(s.ID, pay.StatusReversed))
		r.want(s.ID, localapi.StateReversed, "")
		var told []string
		done, cancel := context.WithCancel(t.Context())
		cancel() // all of it has been told
		for e, ok := watch.Next(done); ok; e, ok = watch.Next(done) {
			if e.Kind == localapi.EventScan {
				told = append(told, e.Notice.Kind)
			}
		}
		if want := map[bool]string{true: "qr_waits qr_rescan", false: "qr_rescan"}[over]; strings.Join(told, " ") != want {
			t.Errorf("the cashier was told %q, want %q", told, want)
		}
		if again := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Code: code(1)}); again.ID == s.ID || again.State != localapi.StateSending {
			t.Errorf("the order cannot be charged again: %+v", again)
		}
	}
}

// TestAFresherScanTakesTheOldOnesPlace: the customer's phone changes its code every minute.
func TestAFresherScanTakesTheOldOnesPlace(t *testing.T) {
	r := newRig(t)
	s := r.showing("A-1", 10*time.Minute)
	r.till.Scan(parsed(t, code(1)), r.now())
	r.pass(50 * time.Second)
	r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Code: code(2)})
	r.hub(wire.KindResult, result(s.ID, pay.StatusReversed))
	heir := r.ofOrder("A-1")
	if body := r.leave(heir.ID, wire.KindPay).Body.(wire.Pay); body.Code != code(2) {
		t.Error("the old code leaves")
	}
}

// TestWhatEndsAScannedCodesWait: the cashier stops all of it, the power fails, another sale charges the code.
func TestWhatEndsAScannedCodesWait(t *testing.T) {
	for name, end := range map[string]func(r *rig, s localapi.Sale){
		"the cashier stops it": func(r *rig, s localapi.Sale) { r.cancel(s.ID) },
		"the power fails":      func(r *rig, _ localapi.Sale) { r.crash() },
		"it is used elsewhere": func(r *rig, _ localapi.Sale) { r.begin(localapi.NewSale{Amount: 5, OrderNo: "A-2", Code: code(1)}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.showing("A-1", 2*time.Minute)
			r.till.Scan(parsed(t, code(1)), r.now())
			end(r, s)
			r.hub(wire.KindResult, result(s.ID, pay.StatusReversed))
			if got := r.ofOrder("A-1"); got.ID != s.ID || got.State != localapi.StateReversed {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestTheScannedCodeIsOnNoDisk while it waits for the end of ours.
func TestTheScannedCodeIsOnNoDisk(t *testing.T) {
	r := newRig(t)
	s := r.showing("A-1", 2*time.Minute)
	r.till.Scan(parsed(t, code(1)), r.now())
	r.hub(wire.KindResult, result(s.ID, pay.StatusReversed))
	r.want(r.ofOrder("A-1").ID, localapi.StateSending, "pay")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(r.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(code(1))) {
			t.Errorf("journal%s holds the code", suffix)
		}
	}
}

// TestAScanForAnotherCustomer: a code that is shown no more, or before the newest sale, takes nobody's scan.
func TestAScanForAnotherCustomer(t *testing.T) {
	for name, next := range map[string]func(r *rig, s localapi.Sale){
		"cash since":     func(r *rig, _ localapi.Sale) { r.begin(localapi.NewSale{Amount: 5, Tender: localapi.TenderCash}) },
		"another charge": func(r *rig, _ localapi.Sale) { r.charging(2) },
		"it is over":     func(r *rig, _ localapi.Sale) { r.pass(2 * time.Minute) },
		"given up":       func(r *rig, _ localapi.Sale) { r.till.Scan(parsed(r.T, code(2)), r.now()) },
		"cancelled":      func(r *rig, s localapi.Sale) { r.cancel(s.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.showing("A-1", 2*time.Minute)
			next(r, s)
			before, _ := r.till.Sale(s.ID)
			if r.till.Scan(parsed(t, code(1)), r.now()) {
				t.Error("the scan was used")
			}
			if after, _ := r.till.Sale(s.ID); after.State != before.State || r.till.Codes() > 1 {
				t.Errorf("%s became %s", before.State, after.State)
			}
		})
	}
	r := newRig(t)
	s := r.showing("A-1", 2*time.Minute)
	waits := r.begin(localapi.NewSale{Amount: 5})
	r.till.Scan(parsed(t, code(1)), r.now())
	r.want(waits.ID, localapi.StateSending, "pay")
	r.want(s.ID, localapi.StateShown, "pay")
}

// TestAStoppedWishGivesWayAtOnce: nothing had left, so nothing has to be proven.
func TestAStoppedWishGivesWayAtOnce(t *testing.T) {
	r := newRig(t)
	s := r.wanting("A-1")
	got := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Code: code(1)})
	if got.ID == s.ID || got.State != localapi.StateSending || got.Mode != "" {
		t.Errorf("%+v", got)
	}
	r.want(s.ID, localapi.StateCancelled, "pay")
}
