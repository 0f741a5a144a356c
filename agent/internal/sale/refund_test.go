package sale_test

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// The law of refunds: every state, every event, every cell, written as the law of sales is. "asked"
// is pending and asked about; "+" marks a settled refund whose name at the hub is known; "refused" is
// one that the hub did not take; "cash" and "other" were given back by hand.
const refundTable = `
.          overdue         restart         taken    succeeded  failed  refused
queued     =               =               pending  succeeded  failed  failed
pending    pending/refund  pending/refund  =        succeeded  failed  =
asked      =               =               pending  succeeded  failed  =
succeeded  =               =               =        =          -       =
failed     =               =               =        -          =       =
refused    =               =               -        -          =       =
cash       =               =               -        -          -       -
other      =               =               -        -          -       -
`

func paidSale(tender localapi.Tender) sale.Sale {
	if tender != localapi.TenderWallet {
		return sale.Taken("sale_1", "A-1", "", money.Fen(1280), tender, start)
	}
	return inRow("paid")
}

// refundIn makes a refund of 500 fen that stands in a row of the table.
func refundIn(t *testing.T, name string) sale.Refund {
	t.Helper()
	tender := localapi.TenderWallet
	if name == "cash" || name == "other" {
		tender = localapi.Tender(name)
	}
	x, err := sale.NewRefund(paidSale(tender), sale.Refund{ID: "ref_1", RefundNo: "R-1", Amount: money.Fen(500)}, nil, start)
	if err != nil {
		t.Fatal(err)
	}
	told := sale.RefundNews{RefundID: "hub_1", Amount: 500}
	steps := map[string][]sale.RefundEvent{"pending": {sale.RefundTaken}, "asked": {sale.RefundTaken, sale.RefundOverdue},
		"succeeded": {sale.RefundDone}, "failed": {sale.RefundUndone}, "refused": {sale.RefundNotTaken}}[name]
	for _, e := range steps {
		n := sale.RefundNews{Event: e}
		if e != sale.RefundNotTaken && e != sale.RefundOverdue {
			n = told
			n.Event = e
		}
		if x, err = sale.Default.StepRefund(x, n, start); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func TestEveryCellOfARefund(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(refundTable), "\n")
	events := strings.Fields(lines[0])[1:]
	if len(events) != len(sale.RefundEvents) {
		t.Fatalf("the table has %d events, the law %d", len(events), len(sale.RefundEvents))
	}
	seen := map[localapi.RefundState]bool{}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(events)+1 {
			t.Fatalf("row %q has %d cells", cells[0], len(cells)-1)
		}
		before := refundIn(t, cells[0])
		seen[before.State] = true
		for i, e := range sale.RefundEvents {
			if events[i] != string(e) {
				t.Fatalf("column %d is %s, want %s", i, events[i], e)
			}
			checkRefund(t, cells[0], before, e, cells[i+1])
		}
	}
	for _, s := range sale.RefundStates {
		if !seen[s] {
			t.Errorf("state %s has no row", s)
		}
	}
}

func checkRefund(t *testing.T, name string, before sale.Refund, e sale.RefundEvent, want string) {
	t.Helper()
	n := sale.RefundNews{Event: e}
	switch e {
	case sale.RefundTaken, sale.RefundDone, sale.RefundUndone:
		n.RefundID, n.Amount = "hub_1", 500
	}
	got, err := sale.Default.StepRefund(before, n, start.Add(time.Second))
	if want == "-" {
		if fault.KindOf(err) != fault.Conflict || got != before {
			t.Errorf("%s + %s = %s, %v; want a refusal that changes nothing", name, e, got.State, err)
		}
		return
	}
	state, ask, _ := strings.Cut(want, "/")
	if want == "=" {
		state, ask = string(before.State), string(before.Asking)
	}
	if err != nil || string(got.State) != state || string(got.Asking) != ask {
		t.Errorf("%s + %s = %s/%s, %v; want %s", name, e, got.State, got.Asking, err, want)
	}
	if before.State.Final() && got != before {
		t.Errorf("%s + %s changed a settled refund", name, e)
	}
	if got.State.Final() == got.Finished.IsZero() || got.State.Final() && got.Asking != "" {
		t.Errorf("%s + %s: %s finished at %v, asking %q", name, e, got.State, got.Finished, got.Asking)
	}
	if got.State != before.State && got.Words == before.Words || got.Message == "" || got.Reason == "" {
		t.Errorf("%s + %s: %s has no words of its own: %q", name, e, got.State, got.Message)
	}
}

func TestWhatMayBeRefunded(t *testing.T) {
	all := func(amounts ...int64) (list []sale.Refund) {
		states := []string{"queued", "pending", "succeeded", "failed", "refused"}
		for i, a := range amounts {
			x := refundIn(t, states[i])
			x.Amount = money.Fen(a)
			list = append(list, x)
		}
		return list
	}
	for _, c := range []struct {
		row     string
		amount  int64
		earlier []sale.Refund
		want    string // the code; "" is taken
	}{
		{"paid", 1280, nil, ""},
		{"paid", 1281, nil, "refund.too_much"},
		{"paid", 0, nil, "money.not_positive"},
		{"paid", -1, nil, "money.not_positive"},
		{"paid", 1, all(400, 400, 480), "refund.too_much"},
		{"paid", 1, all(400, 400, 479), ""},
		{"paid", 2, all(400, 400, 479), "refund.too_much"},
		{"paid", 680, all(100, 200, 300, 1280, 1280), ""}, // what failed gave nothing back
		{"paid", 681, all(100, 200, 300, 1280, 1280), "refund.too_much"},
		{"cash", 1280, nil, ""},
		{"cash", 1281, nil, "refund.too_much"},
		{"other", 1280, nil, ""},
		{"waiting", 1, nil, "refund.not_paid"},
		{"sent", 1, nil, "refund.not_paid"},
		{"unknown+", 1, nil, "refund.not_paid"},
		{"cancelling", 1, nil, "refund.not_paid"},
		{"declined", 1, nil, "refund.not_paid"},
		{"reversed", 1, nil, "refund.not_paid"},
		{"lapsed", 1, nil, "refund.not_paid"},
		{"cancelled", 1, nil, "refund.not_paid"},
		{"card", 1, nil, "refund.tender"},
	} {
		of := paidSale(localapi.TenderWallet)
		if of.Tender = "card"; c.row != "card" {
			of = inRow(c.row)
		}
		got, err := sale.NewRefund(of, sale.Refund{ID: "ref_2", Amount: money.Fen(c.amount)}, c.earlier, start)
		if c.want != "" {
			if fault.CodeOf(err) != c.want {
				t.Errorf("%d of %s after %d refunds: %v, want %s", c.amount, c.row, len(c.earlier), err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d of %s after %d refunds: %v", c.amount, c.row, len(c.earlier), err)
		}
		byHand := c.row != "paid"
		if got.State.Final() != byHand || (got.Asking == wire.KindRefund) == byHand || got.Finished.IsZero() == byHand ||
			got.Sale != "sale_1" || got.Message == "" || (got.State.Outcome() == pay.Refunded) != byHand {
			t.Errorf("%s: %+v", c.row, got)
		}
	}
}

func TestAnotherRefundOrAmountIsRefused(t *testing.T) {
	for _, c := range []struct {
		row  string
		news sale.RefundNews
	}{
		{"queued", sale.RefundNews{Event: sale.RefundDone, RefundID: "hub_1", Amount: 499}},
		{"queued", sale.RefundNews{Event: sale.RefundTaken, RefundID: "hub_1", Amount: 501}},
		{"pending", sale.RefundNews{Event: sale.RefundDone, RefundID: "hub_2", Amount: 500}},
		{"pending", sale.RefundNews{Event: sale.RefundUndone, RefundID: "hub_2", Amount: 500}},
		{"succeeded", sale.RefundNews{Event: sale.RefundDone, RefundID: "hub_2", Amount: 500}},
		{"succeeded", sale.RefundNews{Event: sale.RefundDone, RefundID: "hub_1", Amount: 499}},
	} {
		x := refundIn(t, c.row)
		if got, err := sale.Default.StepRefund(x, c.news, start); fault.KindOf(err) != fault.Conflict || got != x {
			t.Errorf("%s: %+v was believed: %s, %v", c.row, c.news, got.State, err)
		}
	}
}

func TestRefundDue(t *testing.T) {
	for row, want := range map[string]time.Duration{"queued": 0, "pending": time.Hour, "asked": 0, "succeeded": 0, "failed": 0, "cash": 0} {
		at, ok := sale.Default.RefundDue(refundIn(t, row))
		if ok != (want != 0) || ok && at.Sub(start) != want {
			t.Errorf("%s is due %v, %v; want %v", row, at.Sub(start), ok, want)
		}
	}
}

func TestWhatTheHubTellsOfARefund(t *testing.T) {
	for _, s := range pay.RefundStatuses { // a new status without an event would be refused
		r := wire.RefundResult{Key: "k", RefundID: "hub_1", Status: s, Outcome: s.Outcome(), Amount: 500, Reason: "refund.too_late", Message: "Too late."}
		n, err := sale.RefundEventOf(r)
		want := map[pay.RefundStatus]sale.RefundEvent{pay.RefundSucceeded: sale.RefundDone, pay.RefundFailed: sale.RefundUndone}[s]
		if want == "" {
			want = sale.RefundTaken
		}
		if err != nil || n.Event != want || n.RefundID != "hub_1" || n.Amount != 500 {
			t.Errorf("%s: %+v, %v", s, n, err)
		}
		x, err := sale.Default.StepRefund(refundIn(t, "queued"), n, start)
		if err != nil || (x.Reason == "refund.too_late" && x.Message == "Too late.") != (s == pay.RefundFailed) {
			t.Errorf("%s: the words are %+v, %v", s, x.Words, err)
		}
		r.Outcome = pay.RefundOutcome("paid")
		if _, err := sale.RefundEventOf(r); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s with two stories was believed", s)
		}
		r.Outcome, r.RefundID = s.Outcome(), ""
		if _, err := sale.RefundEventOf(r); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s of no refund was believed", s)
		}
	}
	if _, err := sale.RefundEventOf(wire.RefundResult{RefundID: "h", Status: "granted", Outcome: pay.RefundInDoubt}); fault.KindOf(err) != fault.Invalid {
		t.Error("a newer hub's word was believed")
	}
	long, _ := sale.Default.StepRefund(refundIn(t, "queued"), sale.RefundNews{Event: sale.RefundUndone, RefundID: "h", Message: strings.Repeat("x", 401)}, start)
	if len(long.Message) > 400 || long.Reason != "refund_failed" {
		t.Errorf("%+v", long.Words)
	}
}

func TestADoubtWarnsOfItsLike(t *testing.T) {
	for row, want := range map[string]bool{"waiting": false, "sending": false, "sent": false, "accepted": false, "password": false,
		"unknown": true, "unknown+": true, "refused": true, "cancelling": true, "cancelling+": true,
		"paid": false, "cash": false, "declined": false, "lapsed": false, "reversed": false, "cancelled": false} {
		s := inRow(row)
		late := sale.Default.LikeDoubt(s, s.Amount, start.Add(5*time.Minute))
		if got := sale.Default.LikeDoubt(s, s.Amount, start.Add(5*time.Minute-1)); got != want || late {
			t.Errorf("%s: %v, after five minutes %v", row, got, late)
		}
		if sale.Default.LikeDoubt(s, money.Fen(1279), start) {
			t.Errorf("%s warns of another amount", row)
		}
	}
}
