package till_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

func TestWhatNoTillTakes(t *testing.T) {
	r := newRig(t)
	for want, n := range map[string]localapi.NewSale{
		"money.not_positive":  {Amount: 0},
		"money.too_large":     {Amount: money.Max + 1},
		"sale.tender":         {Amount: 1, Tender: "cheque"},
		"sale.code":           {Amount: 1, Tender: localapi.TenderCash, Code: code(1)},
		"sale.order_no":       {Amount: 1, OrderNo: strings.Repeat("9", 65)},
		"sale.subject":        {Amount: 1, Subject: "tea\x00"},
		"code.length":         {Amount: 1, Code: "13"},
		"sale.mode":           {Amount: 1, Mode: "QR"},
		"sale.wallet":         {Amount: 1, Wallet: pay.Alipay},
		"code.garbled":        {Amount: 1, Code: "1300000000 0000001"},
		"code.unknown_wallet": {Amount: 1, Code: "690123456789012345"},
	} {
		if _, _, err := r.till.NewSale(n); fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != want {
			t.Errorf("%+v: %v (%s), want %s", n, err, fault.CodeOf(err), want)
		}
	}
	for want, n := range map[string]localapi.NewSale{
		"sale.mode":   {Amount: 1, Mode: "qr", Tender: localapi.TenderCash},
		"sale.code":   {Amount: 1, Mode: "qr", Code: code(1)},
		"sale.wallet": {Amount: 1, Mode: "qr", Wallet: pay.StoredValue},
	} {
		if _, _, err := r.till.NewSale(n); fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != want {
			t.Errorf("%+v: %v (%s), want %s", n, err, fault.CodeOf(err), want)
		}
	}
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: -5}); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	if list, err := r.till.Sales(10); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	for _, n := range []localapi.NewSale{{Amount: 1}, {Amount: money.Max, Tender: localapi.TenderWallet, OrderNo: "桌 5", Subject: "奶茶"}} {
		if _, fresh, err := r.till.NewSale(n); err != nil || !fresh {
			t.Errorf("%+v: %v", n, err)
		}
	}
}

// TestTheSameOrderAgain is the idempotency of NewSale: what became of the first sale, and what a
// second request for its order gives.
func TestTheSameOrderAgain(t *testing.T) {
	const same, fresh, conflict = "same", "fresh", "conflict"
	states := map[string]func(r *rig) localapi.Sale{
		"waiting": func(r *rig) localapi.Sale { return r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1"}) },
		"sending": func(r *rig) localapi.Sale { return r.charging(1) },
		"unknown": func(r *rig) localapi.Sale {
			s := r.charging(1)
			r.pass(time.Minute)
			return s
		},
		"paid": func(r *rig) localapi.Sale {
			s := r.charging(1)
			r.hub(wire.KindResult, result(s.ID, pay.StatusSucceeded))
			return s
		},
		"declined": func(r *rig) localapi.Sale {
			s := r.charging(1)
			r.hub(wire.KindResult, result(s.ID, pay.StatusDeclined))
			return s
		},
		"lapsed": func(r *rig) localapi.Sale {
			s := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Code: code(1)})
			r.pass(time.Minute)
			return s
		},
		"cancelled": func(r *rig) localapi.Sale {
			s := r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Code: code(1)})
			return r.cancel(s.ID)
		},
		"shown": func(r *rig) localapi.Sale { return r.showing("A-1", 2*time.Minute) },
		"unpaid": func(r *rig) localapi.Sale {
			s := r.showing("A-1", 2*time.Minute)
			r.hub(wire.KindResult, result(s.ID, pay.StatusClosed))
			return s
		},
		"stopping": func(r *rig) localapi.Sale {
			s := r.showing("A-1", 2*time.Minute)
			return r.cancel(s.ID)
		},
		"cash": func(r *rig) localapi.Sale {
			return r.begin(localapi.NewSale{Amount: 1280, OrderNo: "A-1", Tender: localapi.TenderCash})
		},
	}
	requests := map[string]localapi.NewSale{
		"no code":      {Amount: 1280, OrderNo: "A-1"},
		"same code":    {Amount: 1280, OrderNo: "A-1", Code: code(1)},
		"other code":   {Amount: 1280, OrderNo: "A-1", Code: code(2)},
		"only code":    {Amount: 1280, Code: code(1)},
		"other amount": {Amount: 1281, OrderNo: "A-1"},
		"code, other":  {Amount: 1281, Code: code(1)},
		"other order":  {Amount: 1280, OrderNo: "A-9", Code: code(1)},
		"cash":         {Amount: 1280, OrderNo: "A-1", Tender: localapi.TenderCash},
		"other means":  {Amount: 1280, OrderNo: "A-1", Tender: localapi.TenderOther},
		"cash, amount": {Amount: 1281, OrderNo: "A-1", Tender: localapi.TenderCash},
		"cash, order":  {Amount: 1280, OrderNo: "A-9", Tender: localapi.TenderCash},
		"cash, none":   {Amount: 1280, Tender: localapi.TenderCash},
		"qr":           {Amount: 1280, OrderNo: "A-1", Mode: "qr"},
		"qr, same":     {Amount: 1280, OrderNo: "A-1", Mode: "qr", Wallet: pay.WeChat},
		"qr, other":    {Amount: 1280, OrderNo: "A-1", Mode: "qr", Wallet: pay.Alipay},
		"qr, amount":   {Amount: 1281, OrderNo: "A-1", Mode: "qr"},
	}
	table := map[string]map[string]string{
		"waiting": {"no code": same, "same code": same, "other code": same, "only code": fresh,
			"other amount": conflict, "code, other": fresh, "other order": fresh,
			"cash": conflict, "other means": conflict, "cash, amount": conflict,
			"cash, order": fresh, "cash, none": fresh},
		"sending": {"no code": same, "same code": same, "other code": same, "only code": same,
			"other amount": conflict, "code, other": conflict, "other order": conflict,
			"cash": conflict, "other means": conflict, "cash, amount": conflict,
			"cash, order": fresh, "cash, none": fresh},
		"unknown": {"no code": same, "same code": same, "other code": same, "only code": same,
			"other amount": conflict, "code, other": conflict, "other order": conflict,
			"cash": conflict, "other means": conflict, "cash, amount": conflict,
			"cash, order": fresh, "cash, none": fresh},
		"paid": {"no code": same, "same code": same, "other code": same, "only code": same,
			"other amount": conflict, "code, other": conflict, "other order": conflict,
			"cash": conflict, "other means": conflict, "cash, amount": conflict,
			"cash, order": fresh, "cash, none": fresh},
		"declined": {"no code": fresh, "same code": same, "other code": fresh, "only code": same,
			"other amount": conflict, "code, other": conflict, "other order": conflict,
			"cash": fresh, "other means": fresh, "cash, amount": conflict,
			"cash, order": fresh, "cash, none": fresh},
		"lapsed": {"no code": fresh, "same code": same, "other code": fresh, "only code": same,
			"other amount": conflict, "code, other": conflict, "other order": conflict,
			"cash": fresh, "other means": fresh, "cash, amount": conflict,
			"cash, order": fresh, "cash, none": fresh},
		"cancelled": {"no code": fresh, "same code": same, "other code": fresh, "only code": same,
			"other amount": conflict, "code, other": conflict, "other order": conflict,
			"cash": fresh, "other means": fresh, "cash, amount": conflict,
			"cash, order": fresh, "cash, none": fresh},
	}
	table["cash"] = map[string]string{"no code": conflict, "same code": conflict, "other code": conflict, "only code": fresh,
		"other amount": conflict, "code, other": fresh, "other order": fresh, "cash": same, "other means": conflict, "cash, amount": conflict,
		"cash, order": fresh, "cash, none": fresh}
	for state, row := range map[string]map[string]string{
		"waiting": {"qr": same, "qr, same": same, "qr, other": same}, "sending": {"qr": same, "qr, same": same, "qr, other": same},
		"unknown": {"qr": same, "qr, same": same, "qr, other": same}, "paid": {"qr": same, "qr, same": same, "qr, other": same},
		"declined": {"qr": fresh, "qr, same": fresh, "qr, other": fresh}, "lapsed": {"qr": fresh, "qr, same": fresh, "qr, other": fresh},
		"cancelled": {"qr": fresh, "qr, same": fresh, "qr, other": fresh}, "cash": {"qr": conflict, "qr, same": conflict, "qr, other": conflict},
	} {
		maps.Copy(table[state], row)
		table[state]["qr, amount"] = conflict
	}
	open := map[string]string{"no code": same, "same code": same, "other code": same, "only code": fresh, "other amount": conflict, "code, other": fresh,
		"other order": fresh, "cash": conflict, "other means": conflict, "cash, amount": conflict, "cash, order": fresh, "cash, none": fresh,
		"qr": same, "qr, same": same, "qr, other": conflict, "qr, amount": conflict}
	table["shown"], table["stopping"] = open, maps.Clone(open)
	for _, request := range []string{"only code", "other order"} { // a doubt holds back its like
		table["stopping"][request] = conflict
	}
	table["unpaid"] = maps.Clone(open)
	for _, request := range []string{"no code", "same code", "other code", "cash", "other means", "qr", "qr, same", "qr, other"} {
		table["unpaid"][request] = fresh
	}
	for state, reach := range states {
		for request, n := range requests {
			t.Run(state+"/"+request, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				first := reach(r)
				got, isFresh, err := r.till.NewSale(n)
				switch table[state][request] {
				case same:
					if err != nil || isFresh || got.ID != first.ID {
						t.Errorf("%s fresh=%v, %v; want the first one", got.ID, isFresh, err)
					}
				case fresh:
					if err != nil || !isFresh || got.ID == first.ID {
						t.Errorf("%s fresh=%v, %v; want another", got.ID, isFresh, err)
					}
				case conflict:
					if fault.KindOf(err) != fault.Conflict {
						t.Errorf("%s fresh=%v, %v; want a conflict", got.ID, isFresh, err)
					}
				default:
					t.Fatal("no such cell")
				}
				if state == "waiting" && request == "other code" && got.State != localapi.StateSending {
					t.Errorf("the waiting sale did not take the code: %s", got.State)
				}
			})
		}
	}
}

func TestScansThatNoSaleCanUse(t *testing.T) {
	r := newRig(t)
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	notice := func() localapi.Notice {
		t.Helper()
		for {
			e, ok := watch.Next(t.Context())
			if !ok {
				t.Fatal("no notice")
			}
			if e.Kind == localapi.EventScan {
				return *e.Notice
			}
		}
	}
	refused := func(kind, text string, at time.Time) {
		t.Helper()
		if r.till.Scan(parsed(t, text), at) {
			t.Errorf("%s was used", kind)
		}
		n := notice()
		if n.Kind != kind || n.Message == "" || strings.Contains(n.Text+n.Message, text) {
			t.Errorf("%+v, want %s", n, kind)
		}
	}
	refused("no_sale", code(1), r.now())
	s := r.begin(localapi.NewSale{Amount: 1280})
	refused("unreadable", "690123456789012345", r.now())
	refused("unreadable", code(1), r.now().Add(-45*time.Second))
	r.want(s.ID, localapi.StateWaiting, "")
	if !r.till.Scan(parsed(t, code(1)), r.now()) {
		t.Error("not used")
	}
	second := r.begin(localapi.NewSale{Amount: 5})
	refused("duplicate", code(1), r.now())
	r.want(second.ID, localapi.StateWaiting, "pay")
	r.till.Notice(localapi.Notice{Kind: "product", Text: "6901234567892", Message: "A product."})
	if n := notice(); n.Text != "6901234567892" {
		t.Errorf("%+v", n)
	}
}

func TestTheNewestWaitingSaleTakesTheScan(t *testing.T) {
	r := newRig(t)
	older := r.begin(localapi.NewSale{Amount: 1})
	newer := r.begin(localapi.NewSale{Amount: 2})
	r.till.Scan(parsed(t, code(1)), r.now())
	r.want(newer.ID, localapi.StateSending, "pay")
	r.want(older.ID, localapi.StateWaiting, "pay")
	r.till.Scan(parsed(t, code(2)), r.now())
	r.want(older.ID, localapi.StateSending, "pay pay")
}

func TestASlowWatcherIsTold(t *testing.T) {
	r := newRig(t)
	slow, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	for range 40 { // two events each
		r.begin(localapi.NewSale{Amount: 1})
	}
	e, ok := slow.Next(t.Context())
	if !ok || e.Kind != localapi.EventDropped {
		t.Errorf("%+v", e)
	}
	n := 0
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for {
		e, ok := slow.Next(done)
		if !ok {
			break
		}
		if e.Kind == localapi.EventDropped {
			t.Error("told twice")
		}
		n++
	}
	if n == 0 || n > 64 {
		t.Errorf("%d events after the gap", n)
	}
	for range 31 {
		w, err := r.till.Watch()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
	}
	if _, err := r.till.Watch(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("one too many: %v", err)
	}
}

func TestWatchersHearOfTheLink(t *testing.T) {
	r := newRig(t)
	s := r.begin(localapi.NewSale{Amount: 1, Code: code(1)})
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.till.Run(ctx) }()
	r.till.LinkChanged(hublink.State{Since: r.now(), Message: "gone"})
	var sawSale, sawStatus bool
	for !sawSale || !sawStatus {
		e, ok := watch.Next(ctx)
		if !ok {
			t.Fatal("no event")
		}
		sawSale = sawSale || e.Sale != nil && e.Sale.ID == s.ID && e.Sale.Reason == "link_down"
		sawStatus = sawStatus || e.Status != nil && e.Status.Link == "down" && e.Status.LinkMessage == "gone"
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
