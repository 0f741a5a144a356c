package screen_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/screen"
)

func TestScanRead(t *testing.T) {
	for text, want := range map[string]string{
		"134567890123456742":           "wechat",
		" 134567890123456742\r\n":      "wechat",
		"]Q1134567890123456742":        "wechat",
		"2812345678901234":             "alipay",
		"fp" + strings.Repeat("a", 33): "alipay",
		"6212345678901234567":          "unionpay",
		"69012345":                     "product",
		"012345678905":                 "product",
		"6901234567892":                "product",
		"16901234567899":               "product",
		"]E06901234567892":             "product",
		"01069012345\x1d10AB":          "product",
		"https://qr.alipay.com/x":      "link",
		"weixin://wxpay/bizpayurl":     "link",
		"13456789012345674":            "unreadable", // a digit is missing
		"1345678901234567\uFFFD2":      "unreadable",
		"134567890 123456742":          "unreadable",
		"hello world":                  "unreadable",
		"9912345678901234":             "unreadable",
		"":                             "unreadable",
	} {
		s := screen.NewScan(text)
		code, kind := s.Read()
		if kind == "" {
			w, _ := code.Wallet()
			kind = string(w)
		}
		if kind != want {
			t.Errorf("%q is %q, want %q", text, kind, want)
		}
		for _, print := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s)} {
			if text != "" && strings.Contains(print, strings.TrimSpace(text)) {
				t.Errorf("a scan prints itself: %s", print)
			}
		}
	}
}

func TestBook(t *testing.T) {
	b := screen.NewBook()
	at := time.Unix(1000, 0)
	sale := func(id string, s localapi.State) localapi.Sale {
		return localapi.Sale{ID: id, OrderNo: "o" + id, State: s, CreatedAt: at}
	}
	mark := b.Mark()
	b.Event(sale("a", localapi.StatePaid))
	b.Answer(mark, sale("a", localapi.StateWaiting)) // overtaken
	b.Answer(mark, sale("b", localapi.StateWaiting)) // news
	b.Answer(mark, localapi.Sale{})                  // an answer without a sale
	if s, _ := b.Sale("a"); s.State != localapi.StatePaid {
		t.Errorf("an old answer overwrote an event: %s", s.State)
	}
	if open := b.Open(); len(open) != 1 || open[0].ID != "b" {
		t.Errorf("open: %v", open)
	}
	b.Answer(b.Mark(), sale("a", localapi.StateReversed)) // asked after the event
	if s, _ := b.Sale("a"); s.State != localapi.StateReversed {
		t.Errorf("a fresh answer was refused: %s", s.State)
	}
	if _, ok := b.Order("ob", "b"); ok {
		t.Error("the excepted sale was found")
	}
	if s, ok := b.Order("ob", ""); !ok || s.ID != "b" {
		t.Error("the order was not found")
	}
	if _, ok := b.Order("", ""); ok {
		t.Error("no order number found a sale")
	}
	at = at.Add(time.Second)
	for i := range 1000 {
		b.Event(sale(fmt.Sprintf("x%03d", i), localapi.StatePaid))
	}
	if n := len(b.Newest(10_000)); n != 200 {
		t.Errorf("%d sales are kept", n)
	}
	if _, ok := b.Sale("b"); !ok {
		t.Error("an open sale was forgotten")
	}
	if got := b.Newest(1)[0].ID; got != "x999" {
		t.Errorf("the newest is %s", got)
	}
}

func TestVerdict(t *testing.T) {
	away := func(err error) error { return fault.Wrap(err, fault.Unavailable, "agent.away", "no agent answers") }
	for want, errs := range map[string][]error{
		"not sent": {away(&net.OpError{Op: "dial", Err: syscall.ENOENT})},
		"refused": {fault.New(fault.Conflict, "x", "x"), fault.New(fault.Invalid, "x", "x"), fault.New(fault.Denied, "x", "x"),
			fault.New(fault.NotFound, "x", "x"), fault.New(fault.Unavailable, "till.busy", "x")},
		"unsure": {away(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), away(errors.New("EOF")), context.DeadlineExceeded,
			fault.New(fault.InDoubt, "x", "x"), fault.New(fault.Internal, "x", "x"), errors.New("agent answer: bad")},
	} {
		for _, err := range errs {
			if got := screen.VerdictOf(err); got != want {
				t.Errorf("%v: %s, want %s", err, got, want)
			}
		}
	}
}
