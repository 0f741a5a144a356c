package console_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/mattn/go-runewidth"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

var update = flag.Bool("update", false, "write the golden views anew")

// scene is a state of the screen: how the agent stands at first, and what happens then.
type scene struct {
	prepare func(a *agent)
	act     func(r *rig)
}

// scanned starts a sale of 12.80 with a typed code and brings it to a state.
func scanned(state localapi.State, reason string) scene {
	return scene{act: func(r *rig) {
		r.amount("12.80")
		r.wedge(wechatCode)
		r.pass(7 * time.Second)
		r.sale("sale_1", func(s *localapi.Sale) {
			s.State, s.Reason, s.WalletRef = state, reason, "4200002713202511236719284455"
		})
	}}
}

func keyed(keys ...string) scene { return scene{act: func(r *rig) { r.keys(keys...) }} }

// history gives the agent twelve settled sales, of every wallet.
func history(a *agent) {
	wallets := []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay}
	states := []localapi.State{localapi.StatePaid, localapi.StatePaid, localapi.StateDeclined, localapi.StateReversed}
	for i := range 12 {
		at := time.Now().Add(time.Duration(i-20) * time.Minute)
		s := localapi.Sale{ID: fmt.Sprintf("old_%02d", i), OrderNo: fmt.Sprintf("OLD%08d", i), Amount: int64(1+i) * 1234,
			Tender: localapi.TenderWallet, State: states[i%4], Wallet: wallets[i%3], CreatedAt: at, FinishedAt: &at}
		if s.State == localapi.StateDeclined {
			s.Reason = "balance_low"
		}
		if i == 7 {
			s.Tender, s.State, s.Wallet, s.Amount = localapi.TenderCash, localapi.StatePaid, "", 123456789
		}
		a.list = append(a.list, s)
	}
}

var scenes = map[string]scene{
	"entry":        {prepare: history, act: func(*rig) {}},
	"entry-empty":  keyed(),
	"typed":        keyed("1", "2", "8", "0", ".", "5"),
	"typed-large":  keyed("1", "0", "0", "0", "0", "0", "0", "0", "0", ".", "0", "0"),
	"amount-bad":   keyed("0", "enter"),
	"armed":        {act: func(r *rig) { r.wedge(wechatCode) }},
	"waiting":      {prepare: history, act: func(r *rig) { r.amount("12.8"); r.keys("enter") }},
	"product":      {act: func(r *rig) { r.amount("12.8"); r.keys("enter"); r.wedge("6901234567892") }},
	"sending":      scanned(localapi.StateSending, "link_down"),
	"accepted":     scanned(localapi.StateAccepted, ""),
	"password":     scanned(localapi.StatePassword, ""),
	"paid":         scanned(localapi.StatePaid, ""),
	"declined":     scanned(localapi.StateDeclined, "balance_low"),
	"lapsed":       scanned(localapi.StateLapsed, "link_down"),
	"reversed":     scanned(localapi.StateReversed, ""),
	"unknown":      scanned(localapi.StateUnknown, ""),
	"cancelling":   scanned(localapi.StateCancelling, ""),
	"cancelled":    {act: func(r *rig) { r.amount("12.8"); r.keys("enter", "esc") }},
	"agent-absent": {prepare: func(a *agent) { a.gone = true }, act: func(r *rig) { r.amount("5"); r.keys("enter") }},
	"sales":        {prepare: history, act: func(r *rig) { r.keys("f3") }},
	"quit":         keyed("f10"),
	"new-reason": {act: func(r *rig) {
		scanned(localapi.StateDeclined, "").act(r)
		r.sale("sale_1", func(s *localapi.Sale) { s.Reason, s.Message = "moon_phase", "The wallet asks to try again tomorrow." })
	}},
	"password-long": {act: func(r *rig) {
		scanned(localapi.StatePassword, "").act(r)
		r.pass(70 * time.Second)
	}},
	"unsure": {act: func(r *rig) { r.agent.refuse = errLost; r.amount("12.8"); r.keys("enter") }},
	"stop": {act: func(r *rig) {
		scanned(localapi.StatePassword, "").act(r)
		r.keys("esc")
	}},
	"agent-lost": {act: func(r *rig) {
		scanned(localapi.StateAccepted, "").act(r)
		r.agent.gone = true
		r.pass(6 * time.Second)
	}},
	"parked": {prepare: history, act: func(r *rig) {
		scanned(localapi.StateUnknown, "").act(r)
		r.keys("enter")
		r.amount("3")
		r.wedge(wechatCode)
		r.state("sale_2", localapi.StateUnknown, "")
		r.keys("5")
	}},
	"late": {act: func(r *rig) {
		scanned(localapi.StateUnknown, "").act(r)
		r.keys("5")
		r.state("sale_1", localapi.StatePaid, "")
	}},
	"late-shown": {act: func(r *rig) {
		scanned(localapi.StateUnknown, "").act(r)
		r.keys("enter")
		r.state("sale_1", localapi.StatePaid, "")
	}},
	"like-unknown": {act: func(r *rig) {
		scanned(localapi.StateUnknown, "").act(r)
		r.keys("enter")
		r.agent.refuse = fault.New(fault.Conflict, "sale.like_unknown", "sale sale_1 over the same 12.80 CNY may have been charged")
		r.amount("12.8")
		r.keys("enter")
	}},
	"lapsing": {act: func(r *rig) {
		scanned(localapi.StateSending, "link_down").act(r)
		r.sale("sale_1", func(s *localapi.Sale) {
			until := time.Now().Add(38 * time.Second)
			s.SendUntil = &until
		})
	}},
	"refund-ask":     refunding("f7"),
	"refund-byhand":  {prepare: history, act: func(r *rig) { r.keys("f3", "down", "down", "down", "down", "f7") }},
	"refund-unpaid":  {prepare: history, act: func(r *rig) { r.keys("f3", "f7") }},
	"refund-queued":  refunding("f7", "y"),
	"refund-offline": {prepare: func(a *agent) { history(a); offline(a) }, act: refunding("f7").act},
	"refund-pending": refundEnds(localapi.RefundPending, "refund_pending"),
	"refund-done":    refundEnds(localapi.RefundSucceeded, "refunded"),
	"refund-failed":  refundEnds(localapi.RefundFailed, "refund.window_over"),
	"refund-told": {prepare: history, act: func(r *rig) {
		refunding("f7", "y", "esc").act(r)
		r.refunded("ref_1", localapi.RefundSucceeded, "refunded")
	}},
	"code-ask":    {prepare: history, act: func(r *rig) { r.amount("12.8"); r.keys("f4") }},
	"code-asking": {prepare: history, act: func(r *rig) { r.amount("12.8"); r.keys("f4", "a"); r.pass(2 * time.Second) }},
	"code":        {prepare: history, act: func(r *rig) { showing(r, wechatQR); r.pass(7 * time.Second) }},
	"code-long":   {act: func(r *rig) { showing(r, "https://qr.example.com/"+strings.Repeat("0123456789abcdef", 20)) }},
	"code-hidden": {prepare: history, act: func(r *rig) {
		showing(r, wechatQR)
		r.sale("sale_1", func(s *localapi.Sale) { s.QR, s.QRUntil, s.Reason = "", nil, "link_down" })
	}},
	"code-over":    {act: func(r *rig) { showing(r, wechatQR); r.pass(2*time.Minute + time.Second) }},
	"code-unpaid":  {act: func(r *rig) { showing(r, wechatQR); r.state("sale_1", localapi.StateLapsed, "qr_unpaid") }},
	"code-busy":    {act: func(r *rig) { showing(r, wechatQR); r.keys("5") }},
	"code-instead": {act: func(r *rig) { showing(r, wechatQR); r.wedge(wechatCode) }},
	"code-offline": {prepare: offline, act: func(r *rig) { r.amount("12.8"); r.keys("f4") }},
	"offline":      {prepare: offline, act: func(*rig) {}},
	"deferred": {prepare: allowed, act: func(r *rig) {
		r.amount("12.80")
		r.keys("enter")
		r.sale("sale_1", deferred)
	}},
	"deferred-refused": {act: func(r *rig) {
		r.amount("12.80")
		r.keys("enter")
		r.sale("sale_1", deferred)
		r.keys("enter")
		r.state("sale_1", localapi.StateDeclined, "balance_low")
	}},
}

// wechatQR is as long as WeChat's texts are.
const wechatQR = "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"

// showing starts a sale whose code is on the screen for two minutes.
func showing(r *rig, text string) {
	r.amount("12.8")
	r.keys("f4", "w")
	r.sale("sale_1", func(s *localapi.Sale) {
		until := time.Now().Add(2 * time.Minute)
		s.State, s.Reason, s.QR, s.QRUntil = localapi.StateShown, "shown", text, &until
	})
}

// allowed is a till without a line that may take seventeen more sales, of 1,880.00 in all.
func allowed(a *agent) {
	since := time.Now().Add(-4 * time.Minute)
	a.status.Link, a.status.LinkSince = "down", since
	a.status.Offline = localapi.Offline{Count: 3, Sum: 12000, Oldest: &since,
		Limits: &localapi.OfflineLimits{PerSale: 20000, Count: 20, Sum: 200000, AgeS: 86400, ExpiresAt: since.Add(72 * time.Hour)}}
}

// deferred makes a sale one that was accepted offline.
func deferred(s *localapi.Sale) {
	at := s.CreatedAt
	s.State, s.Reason, s.Wallet, s.ScannedAt, s.DeferredAt = localapi.StateDeferred, "deferred", pay.StoredValue, &at, &at
}

// refunding asks for a refund of the third sale of the list.
func refunding(keys ...string) scene {
	return scene{prepare: history, act: func(r *rig) {
		r.keys(append([]string{"f3", "down", "down"}, keys...)...)
		r.pass(6 * time.Second)
	}}
}

func refundEnds(s localapi.RefundState, code string) scene {
	return scene{prepare: history, act: func(r *rig) {
		refunding("f7", "y").act(r)
		r.refunded("ref_1", s, code)
		r.pass(6 * time.Second)
	}}
}

// offline is a till whose link is down, with much that waits.
func offline(a *agent) {
	oldest, until := time.Now().Add(-4*time.Minute-5*time.Second), time.Now().Add(21*time.Second)
	a.status.Link, a.status.LinkSince = "down", oldest
	a.status.Queue, a.status.OldestWaiting, a.status.OpenSales, a.status.PendingAmount = 13, &oldest, 2, 1580
	a.status.QueuedRefunds, a.status.OpenRefunds, a.status.PendingRefundsAmount, a.status.SendUntil = 3, 4, 9900, &until
	a.status.ClockOffsetMS = 3250
	a.status.Scanners[0].Connected = false
}

// TestViews compares every state of the screen, in both languages and three sizes, with its
// golden file, and looks for what no screen may show.
func TestViews(t *testing.T) {
	sizes := [][2]int{{40, 20}, {80, 24}, {160, 50}}
	for name, sc := range scenes {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			for _, lang := range []words.Lang{words.ZH, words.EN} {
				play(t, lang, sc.prepare, func(r *rig) {
					sc.act(r)
					for _, size := range sizes {
						r.send(console.Resize(size[0], size[1]))
						fmt.Fprintf(&got, "== %s %dx%d\n%s\n", lang, size[0], size[1], check(t, r, size[0], size[1]))
					}
				})
			}
			golden(t, name, got.String())
		})
	}
}

// check gives the view without colours, with every line proven to fit.
func check(t *testing.T, r *rig, w, h int) string {
	t.Helper()
	raw := r.m.View()
	if strings.Contains(raw, wechatCode) {
		t.Errorf("a payment code is on the screen")
	}
	lines := strings.Split(ansi.Strip(raw), "\n")
	if len(lines) != h {
		t.Errorf("%dx%d: %d lines", w, h, len(lines))
	}
	narrow, eastAsian := runewidth.Condition{}, runewidth.Condition{EastAsianWidth: true}
	for i, line := range lines {
		// Half blocks are as wide as the terminal says; package widget tells why a small code takes them.
		n, e := narrow.StringWidth(line), eastAsian.StringWidth(strings.NewReplacer("▀", "x", "▄", "x", "█", "x").Replace(line))
		if n > w || n != e {
			t.Errorf("%dx%d line %d is %d cells wide, %d in a Chinese locale: %q", w, h, i, n, e, line)
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from its golden view; look at it, and run with -update if it is right:\n%s", name, got)
	}
}

func TestTooSmall(t *testing.T) {
	for _, lang := range []words.Lang{words.ZH, words.EN} {
		play(t, lang, nil, func(r *rig) {
			for _, size := range [][2]int{{39, 24}, {80, 19}, {10, 3}, {1, 1}} {
				r.send(console.Resize(size[0], size[1]))
				check(t, r, size[0], size[1])
			}
			r.send(console.Resize(39, 24))
			r.sees("40x20", "39x24")
		})
	}
}
