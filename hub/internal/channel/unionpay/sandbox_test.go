package unionpay_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
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
	var c, voids *unionpay.Channel
	channeltest.Run(t, channeltest.Subject{
		Wallet: pay.UnionPay, Expired: channel.CodeUsed, Refused: channel.Declined, Accepts: true, Beyond: channel.RefundRefused, TooLate: channel.RefusedOther,
		Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel {
			m := s.Merchant.UnionPay
			roots := x509.NewCertPool()
			roots.AddCert(certificate(t, m.Root))
			var err error
			box = s
			conf := unionpay.Config{
				BaseURL: s.Base + "/unionpay/gateway/api", MerID: m.MerID, TermID: "00000001", PrivateKey: privateKey(t, m.SignKey),
				Cert: certificate(t, m.SignCert), SignRoots: roots, SignMiddle: []*x509.Certificate{certificate(t, m.Middle)},
				Signer: m.Signer, RootCAs: s.Roots, Now: s.Now,
			}
			if c, err = unionpay.New(conf); err != nil {
				t.Fatal(err)
			}
			conf.Void = true
			if voids, err = unionpay.New(conf); err != nil {
				t.Fatal(err)
			}
			return c
		},
	})
	t.Run("refunds", func(t *testing.T) { refunds(t, box, c) })
	t.Run("voids", func(t *testing.T) { undoes(t, box, voids) })
}

// undoes gives a whole payment back: on its day by an undo, afterwards by a refund, and at the day's very end by the one
// after the other, under one number.
func undoes(t *testing.T, box *channeltest.Sandbox, c *unionpay.Channel) {
	china := time.FixedZone("CST", 8*60*60)
	until := func(hour, minute int) {
		y, m, d := box.Now().In(china).Date()
		at := time.Date(y, m, d, hour, minute, 0, 0, china)
		if !at.After(box.Now()) {
			at = at.Add(24 * time.Hour)
		}
		box.Wait(at.Sub(box.Now()))
	}
	for i, k := range []struct {
		name         string
		wait, linger time.Duration // before the refund is written down, and before it leaves
		part         int64
		booked       string
	}{
		{"on its day", time.Hour, 0, 0, "reversal"},
		{"a part on its day", time.Hour, 0, 300, "refund"},
		{"a day later", 24 * time.Hour, 0, 0, "refund"},
		{"at the day's end", 15*time.Hour - 2*time.Minute, 3 * time.Minute, 0, "refund"},
	} {
		until(8, 0)
		code, err := pay.ParseCode(fmt.Sprintf("62220000000000%03d00", 700+i))
		if err != nil {
			t.Fatal(err)
		}
		o := channel.Order{OutTradeNo: fmt.Sprintf("01JVOID000000000000000000%d", i), SentAt: box.Now(), Amount: money.Fen(1000), Code: code}
		ref := channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount, SentAt: o.SentAt}
		if a := c.Pay(t.Context(), o); a.Finding != channel.Pending {
			t.Fatalf("%s: pay: %+v", k.name, a)
		}
		ref.WalletRef = c.Query(t.Context(), ref).WalletRef
		box.Wait(k.wait)
		r := channel.Refund{OutRefundNo: fmt.Sprintf("01JVOIDED0000000000000000%d", i), SentAt: box.Now(), Order: ref, Amount: o.Amount}
		if k.part > 0 {
			r.Amount = money.Fen(k.part)
		}
		box.Wait(k.linger)
		if a := c.Refund(t.Context(), r); a.Finding != channel.RefundTaken {
			t.Errorf("%s: %+v", k.name, a)
		}
		if a := c.Refund(t.Context(), r); a.Finding == channel.RefundRefused {
			t.Errorf("%s, again: %+v", k.name, a)
		}
		box.Wait(4 * time.Second)
		if a := c.QueryRefund(t.Context(), r); a.Finding != channel.Refunded {
			t.Errorf("%s, asked about: %+v", k.name, a)
		}
		lines := box.Ledger(t, o.OutTradeNo)
		if len(lines) != 2 || lines[1].Kind != k.booked || lines[1].Amount != r.Amount.Fen() || lines[1].OutRefundNo != r.OutRefundNo {
			t.Errorf("%s: the wallet booked %+v", k.name, lines)
		}
	}
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
