package unionpay_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// certificate reads one in PEM.
func certificate(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func privateKey(t testing.TB, text string) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func TestSandbox(t *testing.T) {
	var box *channeltest.Sandbox
	var c *unionpay.Channel
	channeltest.Run(t, channeltest.Subject{
		Wallet: pay.UnionPay, Expired: channel.CodeUsed, Refused: channel.Declined, Accepts: true, Beyond: channel.RefundRefused, TooLate: channel.RefusedOther,
		Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel {
			m := s.Merchant.UnionPay
			roots := x509.NewCertPool()
			roots.AddCert(certificate(t, m.Root))
			var err error
			box = s
			c, err = unionpay.New(unionpay.Config{
				BaseURL: s.Base + "/unionpay/gateway/api", MerID: m.MerID, TermID: "00000001", PrivateKey: privateKey(t, m.SignKey),
				Cert: certificate(t, m.SignCert), SignRoots: roots, SignMiddle: []*x509.Certificate{certificate(t, m.Middle)},
				Signer: m.Signer, RootCAs: s.Roots, Now: s.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
	})
	t.Run("refunds", func(t *testing.T) { refunds(t, box, c) })
}

// refunds gives a payment back in parts, each an order of its own at the wallet.
func refunds(t *testing.T, box *channeltest.Sandbox, c *unionpay.Channel) {
	code, err := pay.ParseCode("6222000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	o := channel.Order{OutTradeNo: "01JPART0000000000000000001", SentAt: box.Now(), Amount: money.Fen(1000), Code: code}
	ref := channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount, SentAt: o.SentAt}
	if a := c.Pay(t.Context(), o); a.Finding != channel.Pending {
		t.Fatalf("pay: %+v", a)
	}
	paid := c.Query(t.Context(), ref)
	if paid.Finding != channel.Approved {
		t.Fatalf("query: %+v", paid)
	}
	ref.WalletRef = paid.WalletRef
	box.Wait(time.Hour)
	part := channel.Refund{OutRefundNo: "01JPART0000000000000000002", SentAt: box.Now(), Order: ref, Amount: money.Fen(300)}
	rest := channel.Refund{OutRefundNo: "01JPART0000000000000000003", SentAt: box.Now(), Order: ref, Amount: money.Fen(700)}
	more := channel.Refund{OutRefundNo: "01JPART0000000000000000004", SentAt: box.Now(), Order: ref, Amount: money.Fen(701)}
	rest.Order.WalletRef = "" // by number and moment
	late := part
	late.SentAt = part.SentAt.Add(time.Second)
	want := func(what string, got channel.RefundAnswer, finding channel.RefundFinding) {
		t.Helper()
		if got.Finding != finding {
			t.Errorf("%s: %+v, want %q", what, got, finding)
		}
	}
	want("before", c.QueryRefund(t.Context(), part), channel.RefundAbsent)
	want("part", c.Refund(t.Context(), part), channel.RefundTaken)
	want("part again", c.Refund(t.Context(), part), channel.RefundUnknown)
	want("part again, at another moment", c.Refund(t.Context(), late), channel.RefundUnknown)
	want("part, at another moment", c.QueryRefund(t.Context(), late), channel.RefundAbsent)
	want("part asked about at once", c.QueryRefund(t.Context(), part), channel.RefundTaken)
	box.Wait(4 * time.Second)
	given := c.QueryRefund(t.Context(), part)
	want("part asked about", given, channel.Refunded)
	if given.WalletRef == "" || given.WalletRef == paid.WalletRef || !given.RefundedAt.Equal(part.SentAt) {
		t.Errorf("given back as %+v", given)
	}
	want("too much", c.Refund(t.Context(), more), channel.RefundRefused)
	want("the rest", c.Refund(t.Context(), rest), channel.RefundTaken)
	box.Wait(4 * time.Second)
	want("the rest asked about", c.QueryRefund(t.Context(), rest), channel.Refunded)
	want("nothing is left", c.Refund(t.Context(), more), channel.RefundRefused)
	if a := c.Reverse(t.Context(), ref); a.Finding != channel.Unknown {
		t.Errorf("reversed after refunds: %+v", a)
	}
	if a := c.Query(t.Context(), ref); a.Finding != channel.Approved {
		t.Errorf("the payment after refunds: %+v", a)
	}
}
