package wechatv3_test

import (
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/wechatv3"
	"cloudcashier/shared/money"
)

// TestPartnerAtTheSandbox is a partner's whole day with one of its merchants' shown orders.
func TestPartnerAtTheSandbox(t *testing.T) {
	s := open(t, nil)
	sub := s.box.Stranger(t, "corner shop").WeChat
	cfg := atSandbox(t, s.box)
	ways["public key"](t, &cfg, s.box.Merchant)
	cfg.Sub, cfg.NotifyURL = wechatv3.Sub{AppID: sub.AppID, MchID: sub.MchID}, "http://127.0.0.1:9/notices"
	alone := s.c
	s.c = connect(t, cfg)
	_, r, qr := s.show()
	s.finds(s.c.Query(t.Context(), r), channel.Pending)
	s.finds(alone.Query(t.Context(), r), channel.Absent) // it is the merchant's, not the partner's
	s.box.Scan(t, qr, "00")
	s.finds(s.c.Query(t.Context(), r), channel.Approved)
	back := channel.Refund{OutRefundNo: "01JPARTNERBACK", Order: r, Amount: money.Fen(200)}
	if a := s.c.Refund(t.Context(), back); a.Finding != channel.RefundTaken {
		t.Fatalf("refund: %q (%v)", a.Finding, a.Err)
	}
	s.box.Wait(4 * time.Second)
	if a := s.c.QueryRefund(t.Context(), back); a.Finding != channel.Refunded {
		t.Fatalf("asked: %q (%v)", a.Finding, a.Err)
	}
	if a := alone.QueryRefund(t.Context(), back); a.Finding != channel.RefundAbsent {
		t.Fatalf("the partner's own: %q (%v)", a.Finding, a.Err)
	}
	_, unpaid, _ := s.show()
	s.finds(s.c.Reverse(t.Context(), unpaid), channel.Pending)
	s.finds(s.c.Query(t.Context(), unpaid), channel.Reversed)
	s.booked(r, "charge 1200", "refund 200")
}
