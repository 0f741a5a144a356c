package till_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// TestEveryCrashPoint follows a sale and drops the memory at each step.
func TestEveryCrashPoint(t *testing.T) {
	for _, c := range []struct {
		name     string
		reach    func(r *rig) string
		state    localapi.State
		outgoing string
	}{
		{"P1 saved, no scan", func(r *rig) string {
			return r.begin(localapi.NewSale{Amount: 1280}).ID
		}, localapi.StateWaiting, ""},
		{"P4 on the disk, nothing left", func(r *rig) string {
			return r.begin(localapi.NewSale{Amount: 1280, Code: code(1)}).ID
		}, localapi.StateUnknown, "fence"},
		{"P5 left, no answer", func(r *rig) string {
			return r.charging(1).ID
		}, localapi.StateUnknown, "fence"},
		{"P6 accepted", func(r *rig) string {
			s := r.charging(1)
			r.hub(wire.KindResult, result(s.ID, pay.StatusPending))
			return s.ID
		}, localapi.StateUnknown, "fence"},
		{"P8 paid", func(r *rig) string {
			s := r.charging(1)
			r.hub(wire.KindResult, result(s.ID, pay.StatusSucceeded))
			return s.ID
		}, localapi.StatePaid, ""},
		{"P12 fencing", func(r *rig) string {
			s := r.charging(1)
			r.pass(46 * time.Second)
			return s.ID
		}, localapi.StateUnknown, "fence"},
		{"P12 refused, fencing", func(r *rig) string {
			s := r.charging(1)
			r.hub(wire.KindRefused, wire.Refused{Key: s.ID, Code: "payment.busy", Message: "Too busy."})
			return s.ID
		}, localapi.StateUnknown, "fence"},
		{"P13 cancelling", func(r *rig) string {
			s := r.charging(1)
			r.cancel(s.ID)
			return s.ID
		}, localapi.StateCancelling, "cancel"},
		{"P13 cancelling, the hub has it", func(r *rig) string {
			s := r.charging(1)
			r.cancel(s.ID)
			r.hub(wire.KindResult, result(s.ID, pay.StatusReversing))
			return s.ID
		}, localapi.StateCancelling, "cancel"},
		{"P17 deferred", func(r *rig) string {
			r.greet(limits(), 0)
			r.cut()
			s, err := r.offline(1, 1280)
			if err != nil {
				r.Fatal(err)
			}
			return s.ID
		}, localapi.StateDeferred, "pay"},
		{"P17 deferred, its claim left", func(r *rig) string {
			r.greet(limits(), 0)
			r.cut()
			s, err := r.offline(1, 1280)
			if err != nil {
				r.Fatal(err)
			}
			r.leave(s.ID, wire.KindPay)
			return s.ID
		}, localapi.StateDeferred, "pay"},
		{"P4 a code is wanted", func(r *rig) string {
			return r.wanting("A-1").ID
		}, localapi.StateUnknown, "fence"},
		{"P5 a code is wanted, and it may have left", func(r *rig) string {
			s := r.wanting("A-1")
			r.leave(s.ID, wire.KindPay)
			return s.ID
		}, localapi.StateUnknown, "fence"},
		{"P6 a code is shown", func(r *rig) string {
			return r.showing("A-1", 2*time.Minute).ID
		}, localapi.StateUnknown, "fence"},
		{"P12 a code is over", func(r *rig) string {
			s := r.showing("A-1", 2*time.Minute)
			r.pass(2 * time.Minute)
			return s.ID
		}, localapi.StateUnknown, "fence"},
		{"P13 a code is cancelled", func(r *rig) string {
			s := r.showing("A-1", 2*time.Minute)
			r.cancel(s.ID)
			return s.ID
		}, localapi.StateCancelling, "cancel"},
		{"P13 a code is cancelled for a scanned one", func(r *rig) string {
			s := r.showing("A-1", 2*time.Minute)
			r.till.Scan(parsed(r.T, code(1)), r.now())
			return s.ID
		}, localapi.StateCancelling, "cancel"},
		{"lapsed", func(r *rig) string {
			s := r.begin(localapi.NewSale{Amount: 1280, Code: code(1)})
			r.pass(46 * time.Second)
			return s.ID
		}, localapi.StateLapsed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			key := c.reach(r)
			for range 3 { // a crash while recovering is one more crash
				r.crash()
				r.want(key, c.state, c.outgoing)
			}
			if c.state.Final() || c.state == localapi.StateWaiting {
				return
			}
			r.hub(wire.KindResult, result(key, pay.StatusSucceeded))
			r.want(key, localapi.StatePaid, "")
		})
	}
}

func TestP0AndP2NothingSavedNothingSent(t *testing.T) {
	r := newRig(t)
	s := r.begin(localapi.NewSale{Amount: 1280})
	if err := r.journal.Close(); err != nil { // the power fails before the scan's commit
		t.Fatal(err)
	}
	if r.till.Scan(parsed(t, code(1)), r.now()) {
		t.Error("a scan that is on no disk counts as used")
	}
	if got := r.outgoing(); got != "" {
		t.Errorf("outgoing: %s", got)
	}
	r.start()
	r.want(s.ID, localapi.StateWaiting, "")
	if !r.till.Scan(parsed(t, code(1)), r.now()) { // the customer shows it again
		t.Error("the code was burnt")
	}
}

func TestP7AResultNotStoredIsRepeated(t *testing.T) {
	r := newRig(t)
	s := r.charging(1)
	r.hub(wire.KindResult, result(s.ID, pay.StatusPending))
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	paid := envelope(t, 2, wire.KindResult, result(s.ID, pay.StatusSucceeded))
	if err := r.till.Receive(paid); err == nil {
		t.Fatal("stored on a dead journal")
	}
	if got := r.till.DownSeq(); got != 1 {
		t.Errorf("acknowledges up to %d", got)
	}
	r.start()
	if err := r.till.Receive(paid); err != nil {
		t.Fatal(err)
	}
	r.want(s.ID, localapi.StatePaid, "")
}

func TestTheCodeDiesWithTheMemory(t *testing.T) {
	r := newRig(t)
	s := r.begin(localapi.NewSale{Amount: 1280, Code: code(1)})
	r.crash()
	m := r.leave(s.ID, wire.KindFence)
	if m.Body != (wire.Fence{Key: s.ID}) {
		t.Errorf("%+v", m)
	}
	r.hub(wire.KindResult, tombstone(s.ID))
	lapsed := r.want(s.ID, localapi.StateLapsed, "")
	if lapsed.Reason != "not_arrived" {
		t.Errorf("%+v", lapsed)
	}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(r.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(code(1))) {
			t.Errorf("journal%s holds the code", suffix)
		}
	}
	if strings.Contains(r.log.String(), code(1)) {
		t.Error("the log holds the code")
	}
}

// TestP17NothingSavedNothingAccepted: the power fails before the commit of a sale without a line.
func TestP17NothingSavedNothingAccepted(t *testing.T) {
	r := newRig(t)
	r.greet(limits(), 0)
	r.cut()
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := r.offline(1, 1280); err == nil {
		t.Errorf("accepted on no disk: %+v", s)
	}
	r.start()
	r.cut()
	if got := r.outgoing(); got != "" {
		t.Errorf("outgoing: %s", got)
	}
	if _, err := r.offline(1, 1280); err != nil { // the customer shows it again
		t.Error(err)
	}
}
