package sale_test

import (
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// gives is the hub's word that brings a code, whose life ends then.
func gives(ends time.Time) sale.News {
	return sale.News{Event: sale.Shown, PaymentID: "pay_1", Wallet: pay.Alipay, QR: "https://qr.alipay.com/x", QRUntil: ends, QREnds: ends}
}

// TestACodeIsShownForItsTimeAlone: at its end the sale is unknown and the hub is asked, whatever was said before,
// and a code whose time is over does not come back to the screen.
func TestACodeIsShownForItsTimeAlone(t *testing.T) {
	ends := start.Add(2 * time.Minute)
	for _, row := range []string{"qr-sending", "qr-sent", "qr-accepted", "qr-unknown", "qr-unknown+", "qr-password", "qr-shown"} {
		s, err := sale.Default.Step(inRow(row), gives(ends), ends.Add(-1))
		if err != nil || s.State != localapi.StateShown || s.QR != "https://qr.alipay.com/x" || !s.QRUntil.Equal(ends) || s.Wallet != pay.Alipay || s.Asking != "" {
			t.Errorf("%s: %+v, %v", row, s, err)
		}
		if due, ok := sale.Default.Due(s); !ok || !due.Equal(ends) {
			t.Errorf("%s: due %v", row, due)
		}
		over, err := sale.Default.Step(s, sale.News{Event: sale.Overdue}, ends)
		if err != nil || over.State != localapi.StateUnknown || over.Asking != wire.KindFence || over.State.Outcome() != pay.Unknown {
			t.Errorf("%s, over: %+v, %v", row, over, err)
		}
		for _, late := range []sale.News{gives(ends), {Event: sale.Accepted, PaymentID: "pay_1", QREnds: ends}, {Event: sale.Accepted, PaymentID: "pay_1"}} {
			if got, err := sale.Default.Step(over, late, ends); err != nil || got.State != localapi.StateUnknown || got.Asking != "" {
				t.Errorf("%s: a code that is over: %+v, %v", row, got, err)
			}
		}
		if late, err := sale.Default.Step(inRow(row), gives(ends), ends); err != nil || late.State != localapi.StateUnknown {
			t.Errorf("%s: a code that came too late: %+v, %v", row, late, err)
		}
	}
}

// TestARestartKeepsTheCode: it is asked about first, and shown again on the hub's word, with or without its text.
func TestARestartKeepsTheCode(t *testing.T) {
	ends := start.Add(2 * time.Minute)
	s, _ := sale.Default.Step(inRow("qr-sent"), gives(ends), start)
	s, err := sale.Default.Step(s, sale.News{Event: sale.Restart}, start)
	if err != nil || s.State != localapi.StateUnknown || s.Asking != wire.KindFence || s.QR == "" || !s.QREnds.IsZero() {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, n := range []sale.News{gives(ends), {Event: sale.Accepted, PaymentID: "pay_1", QREnds: ends}} {
		got, err := sale.Default.Step(s, n, start)
		if err != nil || got.State != localapi.StateShown || got.QR != "https://qr.alipay.com/x" || !got.QREnds.Equal(ends) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	paid, err := sale.Default.Step(s, sale.News{Event: sale.Approved, PaymentID: "pay_1", Amount: 1280}, start)
	if err != nil || paid.State != localapi.StatePaid || paid.QR != "" || !paid.QRUntil.IsZero() {
		t.Errorf("%+v, %v", paid, err)
	}
}

// TestACodeThatNobodyAskedFor is none of this sale's.
func TestACodeThatNobodyAskedFor(t *testing.T) {
	for _, row := range []string{"sending", "sent", "accepted", "password", "unknown", "cancelling"} {
		s := inRow(row)
		for _, e := range []sale.Event{sale.Shown, sale.Password} {
			n := gives(start.Add(time.Minute))
			n.Event = e
			if got, err := sale.Default.Step(s, n, start); fault.KindOf(err) != fault.Conflict || got != s {
				t.Errorf("%s took a code: %s, %v", row, got.State, err)
			}
		}
	}
}

// TestWhatASaleByACodeSays: every way it ends unpaid has its own words, and none is the wallet's "declined".
func TestWhatASaleByACodeSays(t *testing.T) {
	for _, c := range []struct {
		row    string
		news   sale.News
		state  localapi.State
		reason string
	}{
		{"waiting", sale.News{Event: sale.Show, Wallet: pay.WeChat}, localapi.StateSending, "qr_asking"},
		{"qr-sent", sale.News{Event: sale.Accepted, PaymentID: "pay_1"}, localapi.StateAccepted, "qr_accepted"},
		{"qr-sent", gives(start.Add(time.Minute)), localapi.StateShown, "shown"},
		{"qr-sending", sale.News{Event: sale.Overdue}, localapi.StateLapsed, "qr_not_shown"},
		{"qr-unknown", sale.News{Event: sale.Fenced}, localapi.StateLapsed, "qr_not_arrived"},
		{"qr-shown", sale.News{Event: sale.Closed, PaymentID: "pay_1"}, localapi.StateLapsed, "qr_unpaid"},
		{"qr-cancelling", sale.News{Event: sale.Closed, PaymentID: "pay_1"}, localapi.StateReversed, "reversed"},
		{"qr-shown", sale.News{Event: sale.Reversed, PaymentID: "pay_1"}, localapi.StateReversed, "reversed"},
	} {
		got, err := sale.Default.Step(inRow(c.row), c.news, start)
		if err != nil || got.State != c.state || got.Reason != c.reason || got.Message == "" {
			t.Errorf("%s + %s: %s %q %q, %v", c.row, c.news.Event, got.State, got.Reason, got.Message, err)
		}
	}
}

// TestADoubtAboutACodeWarnsFromItsEnd: the customer could pay until then.
func TestADoubtAboutACodeWarnsFromItsEnd(t *testing.T) {
	s := inRow("qr-unknown+")
	for after, want := range map[time.Duration]bool{0: true, 6*time.Minute - 1: true, 6 * time.Minute: false} {
		if got := sale.Default.LikeDoubt(s, money.Fen(1280), start.Add(after)); got != want {
			t.Errorf("after %v: %t", after, got)
		}
	}
}
