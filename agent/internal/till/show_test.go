package till_test

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

const qrText = "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"

// wanting starts a sale that asks for WeChat's code.
func (r *rig) wanting(orderNo string) localapi.Sale {
	r.Helper()
	return r.begin(localapi.NewSale{Amount: 1280, OrderNo: orderNo, Mode: "qr", Wallet: pay.WeChat})
}

// gives is the hub's word with the code; ends is from now.
func (r *rig) gives(key string, ends time.Duration) wire.Result {
	x := result(key, pay.StatusPending)
	until := r.now().Add(ends)
	x.QR, x.QRUntil = qrText, &until
	return x
}

// showing starts a sale whose code is on the screen.
func (r *rig) showing(orderNo string, ends time.Duration) localapi.Sale {
	r.Helper()
	s := r.wanting(orderNo)
	r.leave(s.ID, wire.KindPay)
	r.hub(wire.KindResult, r.gives(s.ID, ends))
	return r.want(s.ID, localapi.StateShown, "")
}

func (r *rig) link(up bool) {
	r.till.LinkChanged(hublink.State{Up: up, Since: r.now()})
	r.till.Announce()
}

// ofOrder is the newest sale of an order.
func (r *rig) ofOrder(orderNo string) localapi.Sale {
	r.Helper()
	list, err := r.till.Sales(20)
	if err != nil {
		r.Fatal(err)
	}
	for _, s := range list {
		if s.OrderNo == orderNo {
			return s
		}
	}
	r.Fatalf("no sale of %s", orderNo)
	return localapi.Sale{}
}

func TestACodeFromTheWishToTheMoney(t *testing.T) {
	r := newRig(t)
	s := r.wanting("A-1")
	if s.State != localapi.StateSending || s.Mode != "qr" || s.QR != "" || s.ScannedAt != nil {
		t.Errorf("%+v", s)
	}
	m := r.leave(s.ID, wire.KindPay)
	body := m.Body.(wire.Pay)
	if body.Check() != nil || body.Mode != "qr" || body.Wallet != pay.WeChat || body.Amount != 1280 || !m.Exp.Equal(r.now().Add(45*time.Second)) {
		t.Errorf("%+v", m)
	}
	r.hub(wire.KindResult, result(s.ID, pay.StatusPending)) // it has it, and no code yet
	r.want(s.ID, localapi.StateAccepted, "")
	r.hub(wire.KindResult, r.gives(s.ID, 2*time.Minute))
	r.pass(time.Minute)
	shown := r.want(s.ID, localapi.StateShown, "")
	if shown.QR != qrText || shown.QRUntil == nil || !shown.QRUntil.Equal(start.Add(2*time.Minute)) {
		t.Errorf("%+v", shown)
	}
	r.hub(wire.KindResult, result(s.ID, pay.StatusPending)) // without the code: it stays
	if got := r.want(s.ID, localapi.StateShown, ""); got.QR != qrText {
		t.Errorf("%+v", got)
	}
	x := r.gives(s.ID, time.Minute)
	x.Waiting = true
	r.hub(wire.KindResult, x)
	if got := r.want(s.ID, localapi.StatePassword, ""); got.QR != "" {
		t.Errorf("%+v", got)
	}
	r.hub(wire.KindResult, result(s.ID, pay.StatusSucceeded))
	r.hub(wire.KindResult, r.gives(s.ID, time.Minute)) // overtaken
	if got := r.want(s.ID, localapi.StatePaid, ""); got.QR != "" || got.QRUntil != nil {
		t.Errorf("%+v", got)
	}
	if events := r.events(s.ID); events != "new accepted shown password approved" {
		t.Errorf("%s", events)
	}
	if strings.Contains(r.log.String(), qrText) {
		t.Error("the log holds the code")
	}
}

// TestTheEndOfACodeIsReadByTheHubsClock: whatever this till's clock says, and whoever sets it.
func TestTheEndOfACodeIsReadByTheHubsClock(t *testing.T) {
	for _, offset := range []time.Duration{-25 * time.Hour, 0, 25 * time.Hour} {
		r := newRig(t)
		r.till.LinkChanged(hublink.State{Up: true, Since: r.now(), Offset: offset})
		s := r.wanting("A-1")
		r.leave(s.ID, wire.KindPay)
		r.hub(wire.KindResult, r.gives(s.ID, offset+2*time.Minute))
		if got := r.want(s.ID, localapi.StateShown, ""); !got.QRUntil.Equal(start.Add(2 * time.Minute)) {
			t.Errorf("offset %v: until %v", offset, got.QRUntil)
		}
		r.pass(2*time.Minute - time.Millisecond)
		r.want(s.ID, localapi.StateShown, "")
		r.pass(time.Millisecond)
		r.want(s.ID, localapi.StateUnknown, "fence")
	}
}

// TestACodeThatIsOverProvesNothing: only the hub knows whether somebody paid it in its last second.
func TestACodeThatIsOverProvesNothing(t *testing.T) {
	for status, want := range map[pay.Status]localapi.State{pay.StatusClosed: localapi.StateLapsed, pay.StatusReversed: localapi.StateReversed,
		pay.StatusSucceeded: localapi.StatePaid} {
		r := newRig(t)
		s := r.showing("A-1", time.Minute)
		r.pass(time.Minute)
		if got := r.want(s.ID, localapi.StateUnknown, "fence"); got.QR != "" {
			t.Errorf("%+v", got)
		}
		x := r.gives(s.ID, 0)
		r.hub(wire.KindResult, x) // it is pending still, and the code is over
		r.want(s.ID, localapi.StateUnknown, "")
		r.hub(wire.KindResult, result(s.ID, status))
		r.want(s.ID, want, "")
		r.hub(wire.KindResult, x)
		r.want(s.ID, want, "")
	}
}

// TestNoCodeWithoutAConnection: it is refused at once, and nothing is begun that could come up later.
func TestNoCodeWithoutAConnection(t *testing.T) {
	r := newRig(t)
	r.link(false)
	waits := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1"})
	for _, order := range []string{"A-1", "A-2"} {
		_, _, err := r.till.NewSale(localapi.NewSale{Amount: 1280, OrderNo: order, Mode: "qr"})
		if fault.CodeOf(err) != "sale.qr_offline" || fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v", order, err)
		}
	}
	r.want(waits.ID, localapi.StateWaiting, "")
	if list, err := r.till.Sales(10); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}

	r.link(true) // a wish that has not left when the line breaks is over; the order may begin again
	s := r.wanting("A-1")
	if s.ID != waits.ID {
		t.Errorf("the waiting sale was not taken: %s", s.ID)
	}
	r.link(false)
	if got := r.want(s.ID, localapi.StateLapsed, ""); got.Reason != "qr_not_shown" {
		t.Errorf("%+v", got)
	}
	r.link(true)
	if got := r.outgoing(); got != "" {
		t.Errorf("it is sent all the same: %s", got)
	}

	gone := r.wanting("A-1") // one that may have left is asked about
	r.leave(gone.ID, wire.KindPay)
	r.link(false)
	r.want(gone.ID, localapi.StateSending, "pay")
	r.pass(45 * time.Second)
	r.want(gone.ID, localapi.StateUnknown, "fence")
}

// TestACodeIsHiddenWhileTheHubIsAway: a screen that cannot say "paid" must not invite to pay.
func TestACodeIsHiddenWhileTheHubIsAway(t *testing.T) {
	r := newRig(t)
	s := r.showing("A-1", 2*time.Minute)
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	next := func() localapi.Sale {
		t.Helper()
		for {
			e, ok := watch.Next(t.Context())
			if !ok {
				t.Fatal("nothing was told")
			}
			if e.Kind == localapi.EventSale {
				return *e.Sale
			}
		}
	}
	r.link(false)
	for _, got := range []localapi.Sale{next(), r.want(s.ID, localapi.StateShown, "")} {
		if got.QR != "" || got.QRUntil != nil || got.Reason != "link_down" || got.Outcome != pay.Unknown {
			t.Errorf("%+v", got)
		}
	}
	r.link(true)
	for _, got := range []localapi.Sale{next(), r.want(s.ID, localapi.StateShown, "")} {
		if got.QR != qrText || got.QRUntil == nil || got.Reason != "shown" {
			t.Errorf("%+v", got)
		}
	}
	r.link(false) // and its end comes all the same
	r.pass(2 * time.Minute)
	r.want(s.ID, localapi.StateUnknown, "fence")
}

func TestACancelledCodeIsUndoneByTheHub(t *testing.T) {
	for _, c := range []struct {
		status pay.Status
		state  localapi.State
	}{{pay.StatusReversed, localapi.StateReversed}, {pay.StatusClosed, localapi.StateReversed}, {pay.StatusSucceeded, localapi.StatePaid}} {
		r := newRig(t)
		s := r.showing("A-1", 2*time.Minute)
		if got := r.cancel(s.ID); got.State != localapi.StateCancelling || got.QR != "" {
			t.Errorf("%+v", got)
		}
		r.hub(wire.KindResult, r.gives(s.ID, time.Minute)) // crossed it on the way: the code does not come back
		if got := r.want(s.ID, localapi.StateCancelling, "cancel"); got.QR != "" {
			t.Errorf("%+v", got)
		}
		r.pass(time.Hour) // time alone proves nothing
		r.want(s.ID, localapi.StateCancelling, "cancel")
		r.hub(wire.KindResult, result(s.ID, c.status))
		r.want(s.ID, c.state, "")
	}
}

// TestARestartBringsTheCodeBack: on the hub's word, and with the text from the journal when the word lacks it.
func TestARestartBringsTheCodeBack(t *testing.T) {
	for _, withText := range []bool{true, false} {
		r := newRig(t)
		s := r.showing("A-1", 2*time.Minute)
		r.crash()
		r.want(s.ID, localapi.StateUnknown, "fence")
		answer := result(s.ID, pay.StatusPending)
		if withText {
			answer = r.gives(s.ID, 2*time.Minute)
		}
		r.hub(wire.KindResult, answer)
		got := r.want(s.ID, localapi.StateShown, "")
		if got.QR != qrText || !got.QRUntil.Equal(start.Add(2*time.Minute)) {
			t.Errorf("text again %t: %+v", withText, got)
		}
		r.pass(2 * time.Minute)
		r.want(s.ID, localapi.StateUnknown, "fence")
	}
}

// TestACodeOfTheHubsThatIsNone: a word that breaks the protocol moves nothing, and a person is told.
func TestACodeOfTheHubsThatIsNone(t *testing.T) {
	r := newRig(t)
	s := r.wanting("A-1")
	r.leave(s.ID, wire.KindPay)
	bad := r.gives(s.ID, time.Minute)
	bad.QR = "weixin://\x1b]52;c;eA=="
	r.hub(wire.KindResult, bad)
	r.want(s.ID, localapi.StateSending, "pay")
	if events := r.events(s.ID); events != "new contradiction" {
		t.Errorf("%s", events)
	}
	scanned := r.charging(2) // and nobody asked for one here
	r.hub(wire.KindResult, r.gives(scanned.ID, time.Minute))
	r.want(scanned.ID, localapi.StateSending, "pay pay")
}
