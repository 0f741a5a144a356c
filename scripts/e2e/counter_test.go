package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestTheCounter: a customer at a whole counter sees what is due and PAID, hears it once, and gets paper;
// devices in trouble hold nothing up; and after a power cut nothing is announced that somebody else would
// take for theirs.
func TestTheCounter(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	l := lab(t, ctx, r)
	till, err := r.Activate(ctx, l, "till")
	if err != nil {
		t.Fatal(err)
	}
	counter, err := till.PlugBoard(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := till.Open(ctx); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(till.AwaitStatus(ctx, "every device is ready", func(s localapi.Status) bool {
		return s.Printer.State == localapi.PrinterReady && s.Display.State == localapi.DisplayReady && s.Voice.State == localapi.VoiceReady
	}))
	spoken := func() []string {
		t.Helper()
		texts, err := counter.Spoken(ctx)
		must(err)
		return texts
	}
	pays := func(amount int64, wallet pay.Wallet, fate string, want localapi.State) localapi.Sale {
		t.Helper()
		code, err := l.Code(ctx, wallet, fate)
		must(err)
		sale, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: amount})
		must(err)
		must(counter.Play(ctx, "wait shown 请付款\nscan "+code+"\n"))
		sale, err = till.AwaitSale(ctx, sale.ID, "the sale is settled", rig.Settled)
		must(err)
		if sale.State != want {
			t.Fatalf("the sale is %s (%s), not %s", sale.State, sale.Message, want)
		}
		return sale
	}
	pays(1280, pay.WeChat, "00", localapi.StatePaid)
	must(counter.Play(ctx, "wait shown 已付款 PAID\nwait shown ￥12.80\nwait spoken\nwait printed\n"))
	pays(500, pay.Alipay, "50", localapi.StateDeclined)
	must(counter.Play(ctx, "wait shown 未付款\n"))
	pays(1205, pay.Alipay, "60", localapi.StatePaid) // the wallet's answer is lost: asked, then known
	must(counter.Play(ctx, "wait spoken\nwait printed\nunplug printer\nunplug display\nunplug speaker\n"))
	code, err := l.Code(ctx, pay.UnionPay, "00")
	must(err)
	sale, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 700, Code: code})
	must(err)
	sale, err = till.AwaitSale(ctx, sale.ID, "a sale with no device is settled", rig.Settled)
	must(err)
	if sale.State != localapi.StatePaid {
		t.Errorf("%+v", sale)
	}
	must(counter.Play(ctx, "plug display\nplug speaker\nwait spoken\nplug printer\nwait printed\n"))

	code, err = l.Code(ctx, pay.WeChat, "64") // paid, answered after eight seconds
	must(err)
	cut, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 6600, Code: code})
	must(err)
	_, err = till.AwaitSale(ctx, cut.ID, "the hub has it", func(s localapi.Sale) bool { return s.State == localapi.StateAccepted })
	must(err)
	till.Agent.Kill()
	must(till.Restart(ctx))
	cut, err = till.AwaitSale(ctx, cut.ID, "the sale is settled", rig.Settled)
	must(err)
	if cut.State != localapi.StatePaid {
		t.Errorf("%+v", cut)
	}
	must(counter.Play(ctx, "wait printed\n")) // whoever still waits gets the paper
	pays(990, pay.UnionPay, "00", localapi.StatePaid)
	must(counter.Play(ctx, "wait spoken\n"))
	want := []string{"微信收款到账12.80元", "支付宝到账12.05元", "云闪付到账7.00元", "云闪付到账9.90元"}
	if got := spoken(); !slices.Equal(got, want) {
		t.Errorf("%q was said, want %q", got, want)
	}
	screens, err := counter.Screens(ctx)
	must(err)
	for _, s := range screens {
		if strings.Contains(s, "已付款") && strings.Contains(s, "5.00") {
			t.Errorf("the customer who was declined saw %q", s)
		}
	}
	if slips, err := filepath.Glob(filepath.Join(counter.Slips, "slip-*.png")); err != nil || len(slips) < 4 {
		t.Errorf("%q, %v", slips, err)
	} else if info, err := os.Stat(slips[0]); err != nil || info.Size() < 1000 {
		t.Errorf("%v, %v", info, err)
	}
	agree(t, ctx, l, []*rig.Till{till})
	sealed(t, ctx, r, l, []*rig.Till{till})
}
