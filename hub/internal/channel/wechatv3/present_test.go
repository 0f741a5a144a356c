package wechatv3_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechatv3"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// shop shows codes at the sandbox, and hears what it is told.
type shop struct {
	*testing.T
	box  *channeltest.Sandbox
	c    *wechatv3.Channel
	told chan channel.Posted
	n    int
}

func open(t *testing.T, change func(*wechatv3.Config)) *shop {
	t.Helper()
	s := &shop{T: t, box: channeltest.Start(t, ""), told: make(chan channel.Posted, 8)}
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		reply := s.c.Reply(true)
		w.Header().Set("Content-Type", reply.ContentType)
		w.WriteHeader(reply.Status)
		w.Write(reply.Body)
		s.told <- channel.Posted{Header: r.Header, Body: body, At: s.box.Now()}
	}))
	t.Cleanup(hub.Close)
	cfg := atSandbox(t, s.box)
	ways["certificates"](t, &cfg, s.box.Merchant)
	ways["public key"](t, &cfg, s.box.Merchant)
	cfg.NotifyURL = hub.URL + "/notices"
	if change != nil {
		change(&cfg)
	}
	s.c = connect(t, cfg)
	return s
}

// show makes an order and gives it with the text of its code.
func (s *shop) show() (channel.Order, channel.Ref, string) {
	s.Helper()
	s.n++
	o := channel.Order{OutTradeNo: fmt.Sprintf("01JSHOWN%018d", s.n), SentAt: s.box.Now(), Amount: money.Fen(1200), Subject: "tea", Store: "sto_1", Terminal: "trm_1",
		Expires: s.box.Now().Add(s.c.PresentRules().Travel)}
	a := s.c.Present(s.Context(), o)
	if a.Finding != channel.Pending || a.QR == "" || a.Err != nil {
		s.Fatalf("shown: found %q %q (%v)", a.Finding, a.QR, a.Err)
	}
	return o, channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount, SentAt: o.SentAt, Shown: true}, a.QR
}

func (s *shop) finds(got channel.Answer, want channel.Finding) channel.Answer {
	s.Helper()
	if got.Finding != want {
		s.Fatalf("found %q (%v), want %q", got.Finding, got.Err, want)
	}
	return got
}

func (s *shop) booked(r channel.Ref, want ...string) {
	s.Helper()
	var got []string
	for _, l := range s.box.Ledger(s.T, r.OutTradeNo) {
		got = append(got, fmt.Sprintf("%s %d", l.Kind, l.Amount))
	}
	if !slices.Equal(got, want) {
		s.Fatalf("the wallet booked %v, want %v", got, want)
	}
}

// hears waits for the next notice.
func (s *shop) hears() channel.Notice {
	s.Helper()
	n, err := s.c.Notice(<-s.told)
	if err != nil {
		s.Fatalf("the notice: %v", err)
	}
	return n
}

func TestShown(t *testing.T) {
	s := open(t, nil)
	t.Run("paid", func(t *testing.T) {
		o, r, qr := s.show()
		if again := s.c.Present(t.Context(), o); again.QR != qr {
			t.Errorf("the same order shows %q, then %q (%v)", qr, again.QR, again.Err)
		}
		other := o
		other.Amount = money.Fen(1201)
		s.finds(s.c.Present(t.Context(), other), channel.Unknown)
		s.finds(s.c.Query(t.Context(), r), channel.Pending)
		if v := s.box.Scan(t, qr, "00"); v != "charged" {
			t.Fatalf("the customer: %s", v)
		}
		a := s.finds(s.c.Query(t.Context(), r), channel.Approved)
		n := s.hears()
		if n.OutTradeNo != r.OutTradeNo || n.WalletRef != a.WalletRef || n.Amount != r.Amount || n.Finding != channel.Approved || n.At.IsZero() || n.OutRefundNo != "" {
			t.Errorf("told %+v of %+v", n, a)
		}
		back := channel.Refund{OutRefundNo: r.OutTradeNo + "R1", Order: r, Amount: money.Fen(200), Reason: "cold"}
		if got := s.c.Refund(t.Context(), back); got.Finding != channel.RefundTaken {
			t.Fatalf("refund: found %q (%v)", got.Finding, got.Err)
		}
		s.box.Wait(4 * time.Second)
		n = s.hears()
		if n.OutTradeNo != r.OutTradeNo || n.OutRefundNo != back.OutRefundNo || n.WalletRef == "" || n.Amount != back.Amount || n.Refund != channel.Refunded {
			t.Errorf("told %+v", n)
		}
		s.finds(s.c.Query(t.Context(), r), channel.Unknown) // partly refunded, and not by our undoing it
		s.booked(r, "charge 1200", "refund 200")
	})
	t.Run("taken back unpaid", func(t *testing.T) {
		_, r, qr := s.show()
		s.finds(s.c.Reverse(t.Context(), r), channel.Pending) // a closing that was taken: a question must tell
		s.finds(s.c.Reverse(t.Context(), r), channel.Pending)
		s.finds(s.c.Query(t.Context(), r), channel.Reversed)
		if v := s.box.Scan(t, qr, "00"); v != "order_closed" {
			t.Errorf("the customer: %s", v)
		}
		s.booked(r)
	})
	t.Run("taken back when paid", func(t *testing.T) {
		_, r, qr := s.show()
		s.box.Scan(t, qr, "00")
		s.finds(s.c.Reverse(t.Context(), r), channel.Unknown) // on its way
		s.finds(s.c.Reverse(t.Context(), r), channel.Unknown)
		s.finds(s.c.Query(t.Context(), r), channel.Unknown)
		s.booked(r, "charge 1200")
		s.box.Wait(4 * time.Second)
		s.finds(s.c.Reverse(t.Context(), r), channel.Reversed)
		s.finds(s.c.Query(t.Context(), r), channel.Reversed)
		s.finds(s.c.Reverse(t.Context(), r), channel.Reversed)
		s.booked(r, "charge 1200", "refund 1200")
	})
	t.Run("taken back, and the merchant's account is empty", func(t *testing.T) {
		_, r, qr := s.show()
		s.box.Scan(t, qr, "74")
		a := s.finds(s.c.Reverse(t.Context(), r), channel.Unknown)
		if a.Err == nil || !strings.Contains(a.Err.Error(), "NOT_ENOUGH") {
			t.Errorf("the cause is %v", a.Err)
		}
		s.booked(r, "charge 1200")
	})
	t.Run("paid after a password", func(t *testing.T) {
		_, r, qr := s.show()
		s.box.Scan(t, qr, "53")
		s.finds(s.c.Query(t.Context(), r), channel.Pending)
		s.box.Wait(6 * time.Second)
		s.finds(s.c.Query(t.Context(), r), channel.Approved)
		s.booked(r, "charge 1200")
	})
	t.Run("nobody comes", func(t *testing.T) {
		_, r, _ := s.show()
		s.box.Wait(s.c.PresentRules().Travel + time.Second)
		s.finds(s.c.Query(t.Context(), r), channel.Reversed)
		s.finds(s.c.Reverse(t.Context(), r), channel.Pending)
		s.booked(r)
	})
	t.Run("never shown", func(t *testing.T) {
		r := channel.Ref{OutTradeNo: "01JNEVERSHOWN", Amount: money.Fen(1), Shown: true}
		s.finds(s.c.Query(t.Context(), r), channel.Absent)
		s.finds(s.c.Reverse(t.Context(), r), channel.Absent)
	})
}

// TestTakeBackNeverClosesCodes: a payment code's order is reversed, not closed, and a shown one not reversed.
func TestTakeBackNeverClosesCodes(t *testing.T) {
	x := newTold(t, nil)
	x.say(http.StatusBadRequest, refusal("INVALID_REQUEST"))
	shown := channeltest.SampleRef()
	shown.Shown = true
	x.Reverse(t.Context(), channeltest.SampleRef())
	x.Reverse(t.Context(), shown)
	want := []string{"POST /v3/pay/transactions/out-trade-no/01JSAMPLE00000000000000001/reverse", "POST /v3/pay/transactions/out-trade-no/01JSAMPLE00000000000000001/close"}
	if !slices.Equal(x.asked, want) {
		t.Errorf("asked %v", x.asked)
	}
	if string(x.heard) != `{"mchid":"1230000109"}` {
		t.Errorf("closed with %s", x.heard)
	}
}

// TestUndoHasOneNumber: however often a paid order is taken back, it is the same refund.
func TestUndoHasOneNumber(t *testing.T) {
	x := newTold(t, nil)
	shown := channeltest.SampleRef()
	shown.Shown = true
	x.answer = func(r *http.Request) (int, []byte) {
		if r.Method == http.MethodGet {
			return http.StatusNotFound, text(refusal("RESOURCE_NOT_EXISTS"))
		}
		return http.StatusBadRequest, text(refusal("ORDER_PAID"))
	}
	for range 2 {
		x.asked = nil
		if a := x.Reverse(t.Context(), shown); a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("found %q (%v)", a.Finding, a.Err)
		}
		if len(x.asked) != 3 || x.asked[1] != "GET /v3/refund/domestic/refunds/01JSAMPLE00000000000000001R" || x.asked[2] != "POST /v3/refund/domestic/refunds" ||
			!strings.Contains(string(x.heard), `"out_refund_no":"01JSAMPLE00000000000000001R"`) || !strings.Contains(string(x.heard), `"refund":8888`) {
			t.Errorf("asked %v, %s", x.asked, x.heard)
		}
	}
	for code, want := range map[string]channel.Finding{"ORDER_CLOSED": channel.Pending, "ORDER_NOT_EXIST": channel.Absent, "SYSTEM_ERROR": channel.Unknown, "INVALID_REQUEST": channel.Unknown} {
		x.say(http.StatusBadRequest, refusal(code))
		if a := x.Reverse(t.Context(), shown); a.Finding != want {
			t.Errorf("%s: found %q (%v), want %q", code, a.Finding, a.Err, want)
		}
	}
	x.say(http.StatusOK, object{})
	if a := x.Reverse(t.Context(), shown); a.Finding != channel.Unknown {
		t.Errorf("a close answered with a body: found %q", a.Finding)
	}
}

// TestPresentRefuses: what cannot be shown does not leave, or proves nothing.
func TestPresentRefuses(t *testing.T) {
	x := newTold(t, nil)
	good := channeltest.SampleOrder(pay.WeChat)
	good.Code, good.Expires = pay.Code{}, clock.Add(2*time.Minute)
	for name, change := range map[string]func(*channel.Order){
		"ends at once": func(o *channel.Order) { o.Expires = clock.Add(time.Minute) },
		"never ends":   func(o *channel.Order) { o.Expires = time.Time{} },
		"no amount":    func(o *channel.Order) { o.Amount = money.Amount{} },
		"number":       func(o *channel.Order) { o.OutTradeNo = "a/../b" },
	} {
		o := good
		change(&o)
		if a := x.Present(t.Context(), o); a.Finding != channel.Declined || a.Decline.Code != channel.Misconfigured || a.Err == nil || len(x.asked) > 0 {
			t.Errorf("%s: found %q (%v), asked %v", name, a.Finding, a.Err, x.asked)
		}
	}
	for _, url := range []any{"https://example.com", "", nil, 5, "weixin://" + strings.Repeat("x", 600)} {
		x.say(http.StatusOK, object{"code_url": url})
		if a := x.Present(t.Context(), good); a.Finding != channel.Unknown || a.QR != "" {
			t.Errorf("%v: found %q %q", url, a.Finding, a.QR)
		}
	}
	bare := newTold(t, func(c *wechatv3.Config) { c.NotifyURL = "" })
	bare.say(http.StatusOK, object{"code_url": "weixin://wxpay/bizpayurl?pr=1"})
	if a := bare.Present(t.Context(), good); a.Finding != channel.Pending || !strings.Contains(string(bare.heard), `"notify_url":"https://notices.invalid/"`) {
		t.Errorf("without notify_url: found %q, said %s", a.Finding, bare.heard)
	}
	codes := newTold(t, func(c *wechatv3.Config) { c.Codepay = false })
	if a := codes.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)); a.Finding != channel.Declined || a.Decline.Code != channel.Misconfigured || len(codes.asked) > 0 {
		t.Errorf("codepay switched off: found %q, asked %v", a.Finding, codes.asked)
	}
}
