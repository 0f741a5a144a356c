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
	"cloudcashier/shared/storedvalue"
	"cloudcashier/shared/wire"
)

// The whole law: every state, every event, every cell. "state/ask" is the state that follows and
// the message the hub owes an answer to; "=" changes nothing; "-" is refused. "sent" is sending
// with bytes that may have left; "+" marks a sale whose payment the hub has shown; "refused" is
// unknown after the hub turned the charge away; "passed" is deferred with bytes of its claim that may
// have left; "cash" and "other" are paid without a wallet; "qr-" is a sale by a code that we show, and its
// "shown", "password" and "unknown+" have the code already.
const table = `
.               scan         show         defer         leave  overdue            restart            cancel             accepted  shown  password  doubt    undoing     approved  declined  reversed  closed    fenced    refused
waiting         sending/pay  sending/pay  deferred/pay  -      -                  =                  cancelled          -         -      -         -        -           -         -         -         -         -         -
sending         -            -            -             =      lapsed             unknown/fence      cancelled          accepted  -      password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    unknown/fence
sent            -            -            -             =      unknown/fence      unknown/fence      cancelling/cancel  accepted  -      password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    unknown/fence
deferred        -            -            -             =      -                  =                  cancelled          accepted  -      password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    =
passed          -            -            -             =      -                  =                  cancelling/cancel  accepted  -      password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    =
accepted        -            -            -             -      unknown/fence      unknown/fence      cancelling/cancel  =         -      password  unknown  cancelling  paid      declined  reversed  lapsed    -         =
password        -            -            -             -      unknown/fence      unknown/fence      cancelling/cancel  accepted  -      =         unknown  cancelling  paid      declined  reversed  lapsed    -         =
unknown         -            -            -             -      =                  =                  cancelling/cancel  accepted  -      password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    =
refused         -            -            -             -      =                  =                  cancelling/cancel  accepted  -      password  unknown  cancelling  paid      declined  reversed  lapsed    declined  =
unknown+        -            -            -             -      unknown/fence      unknown/fence      cancelling/cancel  accepted  -      password  =        cancelling  paid      declined  reversed  lapsed    -         =
cancelling      -            -            -             -      =                  =                  =                  =         -      =         =        cancelling  paid      declined  reversed  reversed  reversed  =
cancelling+     -            -            -             -      cancelling/cancel  cancelling/cancel  =                  =         -      =         =        =           paid      declined  reversed  reversed  -         =
paid            -            -            -             -      =                  =                  -                  =         -      =         =        =           =         -         -         -         -         =
cash            -            -            -             -      =                  =                  -                  -         -      -         -        -           -         -         -         -         -         -
other           -            -            -             -      =                  =                  -                  -         -      -         -        -           -         -         -         -         -         -
declined        -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
declined+       -            -            -             -      =                  =                  =                  =         -      =         =        =           -         =         =         =         =         =
reversed        -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
reversed+       -            -            -             -      =                  =                  =                  =         -      =         =        =           -         =         =         =         =         =
lapsed          -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
lapsed+         -            -            -             -      =                  =                  =                  =         -      =         =        =           -         =         =         =         =         =
cancelled       -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
qr-sending      -            -            -             =      lapsed             unknown/fence      cancelled          accepted  shown  password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    unknown/fence
qr-sent         -            -            -             =      unknown/fence      unknown/fence      cancelling/cancel  accepted  shown  password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    unknown/fence
qr-accepted     -            -            -             -      unknown/fence      unknown/fence      cancelling/cancel  =         shown  password  unknown  cancelling  paid      declined  reversed  lapsed    -         =
qr-shown        -            -            -             -      unknown/fence      unknown/fence      cancelling/cancel  =         =      password  unknown  cancelling  paid      declined  reversed  lapsed    -         =
qr-password     -            -            -             -      unknown/fence      unknown/fence      cancelling/cancel  shown     shown  =         unknown  cancelling  paid      declined  reversed  lapsed    -         =
qr-unknown      -            -            -             -      =                  =                  cancelling/cancel  accepted  shown  password  unknown  cancelling  paid      declined  reversed  lapsed    lapsed    =
qr-refused      -            -            -             -      =                  =                  cancelling/cancel  accepted  shown  password  unknown  cancelling  paid      declined  reversed  lapsed    declined  =
qr-unknown+     -            -            -             -      unknown/fence      unknown/fence      cancelling/cancel  shown     shown  password  =        cancelling  paid      declined  reversed  lapsed    -         =
qr-cancelling   -            -            -             -      =                  =                  =                  =         =      =         =        cancelling  paid      declined  reversed  reversed  reversed  =
qr-cancelling+  -            -            -             -      cancelling/cancel  cancelling/cancel  =                  =         =      =         =        =           paid      declined  reversed  reversed  -         =
qr-paid         -            -            -             -      =                  =                  -                  =         =      =         =        =           =         -         -         -         -         =
qr-declined     -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
qr-reversed     -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
qr-lapsed       -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
qr-cancelled    -            -            -             -      =                  =                  =                  -         -      -         -        -           -         =         =         =         =         =
qr-declined+    -            -            -             -      =                  =                  =                  =         =      =         =        =           -         =         =         =         =         =
qr-reversed+    -            -            -             -      =                  =                  =                  =         =      =         =        =           -         =         =         =         =         =
qr-lapsed+      -            -            -             -      =                  =                  =                  =         =      =         =        =           -         =         =         =         =         =
`

var start = time.Unix(1_700_000_000, 0).UTC()

// inRow makes a sale that stands in a row of the table.
func inRow(name string) sale.Sale {
	if name == "cash" || name == "other" {
		return sale.Taken("sale_1", "A-1", "", money.Fen(1280), localapi.Tender(name), start)
	}
	name, qr := strings.CutPrefix(name, "qr-")
	state, has := strings.CutSuffix(name, "+")
	s := sale.New("sale_1", "A-1", "", money.Fen(1280), start)
	s.State = localapi.State(state)
	switch state {
	case "sent":
		s.State, s.Left = localapi.StateSending, true
	case "deferred", "passed":
		s.State, s.Left, s.Deferred, s.Claim = localapi.StateDeferred, state == "passed", start, "SV1C.a.b.c"
	case "refused":
		s.State, s.Refusal = localapi.StateUnknown, sale.Words{Reason: "payment.busy", Message: "Too busy."}
	}
	s.Asking = map[string]wire.Kind{"sending": wire.KindPay, "sent": wire.KindPay, "deferred": wire.KindPay, "passed": wire.KindPay,
		"unknown": wire.KindFence, "refused": wire.KindFence, "cancelling": wire.KindCancel}[name]
	if qr {
		s.Mode, s.Wallet = wire.ModeQR, pay.WeChat
		if state == "shown" || state == "password" || name == "unknown+" {
			s.QR, s.QRUntil = "weixin://x", start.Add(time.Minute)
		}
		if state == "shown" {
			s.QREnds = start.Add(time.Minute)
		}
	}
	if has || state == "shown" || state == "accepted" || state == "password" || state == "paid" {
		s.PaymentID = "pay_1"
	}
	if state != "waiting" {
		s.Scanned = start
	}
	if s.State.Final() {
		s.Finished = start.Add(time.Second)
	}
	return s
}

func TestEveryCell(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	events := strings.Fields(lines[0])[1:]
	if len(events) != len(sale.Events) {
		t.Fatalf("the table has %d events, the law %d", len(events), len(sale.Events))
	}
	seen := map[localapi.State]bool{}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(events)+1 {
			t.Fatalf("row %q has %d cells", cells[0], len(cells)-1)
		}
		before := inRow(cells[0])
		seen[before.State] = true
		for i, e := range events {
			if sale.Event(e) != sale.Events[i] {
				t.Fatalf("column %d is %s, want %s", i, e, sale.Events[i])
			}
			check(t, cells[0], before, sale.Event(e), cells[i+1])
		}
	}
	if len(seen) != len(sale.States) {
		t.Errorf("the table knows %d states, the law %d", len(seen), len(sale.States))
	}
	for _, s := range sale.States {
		if !seen[s] {
			t.Errorf("state %s has no row", s)
		}
	}
}

func check(t *testing.T, name string, before sale.Sale, e sale.Event, want string) {
	t.Helper()
	n := sale.News{Event: e}
	switch e {
	case sale.Accepted, sale.Shown, sale.Password, sale.Doubt, sale.Undoing, sale.Approved, sale.Declined, sale.Reversed, sale.Closed:
		n.PaymentID = "pay_1"
	}
	if before.Mode == wire.ModeQR {
		n.QREnds = start.Add(time.Minute)
	}
	if e == sale.Shown {
		n.QR, n.QRUntil = "weixin://x", start.Add(time.Minute)
	}
	got, err := sale.Default.Step(before, n, start.Add(time.Second))
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
		t.Errorf("%s + %s changed a settled sale", name, e)
	}
	if got.State.Final() != !got.Finished.IsZero() {
		t.Errorf("%s + %s: %s finished at %v", name, e, got.State, got.Finished)
	}
	if got.State != before.State && (got.Message == "" || got.Message == before.Message) {
		t.Errorf("%s + %s: %s has no words of its own: %q", name, e, got.State, got.Message)
	}
	if got.Message == "" || got.Reason == "" {
		t.Errorf("%s + %s: %s has no words", name, e, got.State)
	}
}

func TestACodeNeverLeavesPastItsLife(t *testing.T) {
	r := sale.Rules{CodeLife: 45 * time.Second, Patience: time.Minute}
	for _, row := range []string{"sending", "sent"} {
		s := inRow(row)
		if _, err := r.Step(s, sale.News{Event: sale.Leave}, s.Scanned.Add(45*time.Second-1)); err != nil {
			t.Errorf("%s: %v", row, err)
		}
		_, err := r.Step(s, sale.News{Event: sale.Leave}, s.Scanned.Add(45*time.Second))
		if fault.CodeOf(err) != "sale.code_expired" {
			t.Errorf("%s: an expired code may leave: %v", row, err)
		}
	}
}

func TestDue(t *testing.T) {
	r := sale.Rules{CodeLife: 45 * time.Second, Patience: time.Minute}
	heard := start.Add(10 * time.Second)
	for _, c := range []struct {
		row  string
		want time.Duration // after start; 0: nothing is awaited
	}{
		{"waiting", 0}, {"deferred", 0}, {"passed", 0}, {"sending", 45 * time.Second}, {"sent", 45 * time.Second}, {"accepted", 70 * time.Second},
		{"qr-sent", 45 * time.Second}, {"qr-shown", 60 * time.Second}, {"qr-accepted", 70 * time.Second}, {"qr-unknown", 0}, {"qr-unknown+", 70 * time.Second},
		{"password", 70 * time.Second}, {"unknown", 0}, {"unknown+", 70 * time.Second}, {"cancelling", 0},
		{"cancelling+", 70 * time.Second}, {"paid", 0}, {"cash", 0}, {"other", 0}, {"declined", 0}, {"lapsed", 0}, {"reversed", 0}, {"cancelled", 0},
	} {
		s := inRow(c.row)
		s.Heard = heard
		at, ok := r.Due(s)
		if ok != (c.want != 0) || ok && at.Sub(start) != c.want {
			t.Errorf("%s is due %v, %v; want %v", c.row, at.Sub(start), ok, c.want)
		}
	}
}

func TestWhatTheHubTells(t *testing.T) {
	for _, c := range []struct {
		result wire.Result
		want   sale.Event // "" is refused
	}{
		{wire.Result{PaymentID: "p", Status: pay.StatusCreated, Outcome: pay.Unknown}, sale.Accepted},
		{wire.Result{PaymentID: "p", Status: pay.StatusPending, Outcome: pay.Unknown}, sale.Accepted},
		{wire.Result{PaymentID: "p", Status: pay.StatusPending, Outcome: pay.Unknown, Waiting: true}, sale.Password},
		{wire.Result{PaymentID: "p", Status: pay.StatusPending, Outcome: pay.Unknown, QR: "weixin://x", QRUntil: &start}, sale.Shown},
		{wire.Result{PaymentID: "p", Status: pay.StatusUnknown, Outcome: pay.Unknown, QR: "weixin://x", QRUntil: &start}, sale.Shown},
		{wire.Result{PaymentID: "p", Status: pay.StatusPending, Outcome: pay.Unknown, QR: "weixin://x", QRUntil: &start, Waiting: true}, sale.Password},
		{wire.Result{PaymentID: "p", Status: pay.StatusUnknown, Outcome: pay.Unknown}, sale.Doubt},
		{wire.Result{PaymentID: "p", Status: pay.StatusSucceeded, Outcome: pay.Paid}, sale.Approved},
		{wire.Result{PaymentID: "p", Status: pay.StatusDeclined, Outcome: pay.NotPaid}, sale.Declined},
		{wire.Result{PaymentID: "p", Status: pay.StatusReversing, Outcome: pay.Unknown}, sale.Undoing},
		{wire.Result{PaymentID: "p", Status: pay.StatusReversed, Outcome: pay.NotPaid}, sale.Reversed},
		{wire.Result{PaymentID: "p", Status: pay.StatusClosed, Outcome: pay.NotPaid}, sale.Closed},
		{wire.Result{Status: pay.StatusClosed, Outcome: pay.NotPaid}, sale.Fenced},
		{wire.Result{Status: pay.StatusSucceeded, Outcome: pay.Paid}, ""},                       // no payment, and paid
		{wire.Result{PaymentID: "p", Status: pay.StatusSucceeded, Outcome: pay.NotPaid}, ""},    // two stories
		{wire.Result{PaymentID: "p", Status: pay.StatusClosed, Outcome: pay.Unknown}, ""},       // two stories
		{wire.Result{PaymentID: "p", Status: pay.Status("refunded"), Outcome: pay.Unknown}, ""}, // a newer hub's word
		{wire.Result{}, ""},
	} {
		n, err := sale.FromResult(c.result)
		if c.want == "" {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%+v was believed: %+v, %v", c.result, n, err)
			}
		} else if err != nil || n.Event != c.want {
			t.Errorf("%+v = %s, %v; want %s", c.result, n.Event, err, c.want)
		}
	}
	for _, s := range pay.Statuses { // a new status without an event would be refused
		if _, err := sale.FromResult(wire.Result{PaymentID: "p", Status: s, Outcome: s.Outcome()}); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestAnotherPaymentOrAmountIsRefused(t *testing.T) {
	s := inRow("accepted")
	for _, n := range []sale.News{
		{Event: sale.Approved, PaymentID: "pay_2", Amount: 1280},
		{Event: sale.Approved, PaymentID: "pay_1", Amount: 1279},
	} {
		if got, err := sale.Default.Step(s, n, start); fault.KindOf(err) != fault.Conflict || got != s {
			t.Errorf("%+v was believed: %s, %v", n, got.State, err)
		}
	}
	got, err := sale.Default.Step(s, sale.News{Event: sale.Approved, PaymentID: "pay_1", Amount: 1280, WalletRef: "42"}, start)
	if err != nil || got.State != localapi.StatePaid || got.WalletRef != "42" {
		t.Errorf("the true result: %+v, %v", got, err)
	}
}

func TestTheReasonOfADeclineIsTheHubs(t *testing.T) {
	got, err := sale.Default.Step(inRow("accepted"), sale.News{Event: sale.Declined, PaymentID: "pay_1",
		Reason: "balance_low", Message: "The balance is too low."}, start)
	if err != nil || got.Reason != "balance_low" || got.Message != "The balance is too low." {
		t.Errorf("%q %q %v", got.Reason, got.Message, err)
	}
	got, _ = sale.Default.Step(inRow("accepted"), sale.News{Event: sale.Declined, PaymentID: "pay_1", Message: strings.Repeat("x", 401)}, start)
	if len(got.Message) > 400 || got.Reason != "declined" {
		t.Errorf("%q %q", got.Reason, got.Message)
	}
}

func TestARefusalIsToldBehindTheFence(t *testing.T) {
	s, err := sale.Default.Step(inRow("sent"), sale.FromRefused(wire.Refused{Code: "code.expired", Message: "The code is too old."}), start)
	if err != nil || s.State != localapi.StateUnknown || s.Reason != "unknown" {
		t.Fatalf("%+v, %v", s, err)
	}
	s, err = sale.Default.Step(s, sale.News{Event: sale.Fenced, Reason: "fenced"}, start)
	if err != nil || s.Reason != "code.expired" || s.Message != "The code is too old." {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestMoneyInTheHandIsFinalAtOnce(t *testing.T) {
	for _, tender := range []localapi.Tender{localapi.TenderCash, localapi.TenderOther} {
		s := sale.Taken("sale_1", "A-1", "tea", money.Fen(1280), tender, start)
		if !s.State.Final() || s.State.Outcome() != pay.Paid || !s.Finished.Equal(start) || s.Asking != "" || s.Wallet != "" ||
			!s.Scanned.IsZero() || s.Reason != string(tender) || s.Message == "" {
			t.Errorf("%+v", s)
		}
		_, err := sale.Default.Step(s, sale.News{Event: sale.Cancel}, start)
		if fault.CodeOf(err) != "sale.money_taken" {
			t.Errorf("a cancel: %v", err)
		}
	}
}

func TestLapsedSaysWhy(t *testing.T) {
	for row, c := range map[string]struct {
		news sale.News
		want string
	}{
		"sending": {sale.News{Event: sale.Overdue}, "link_down"},
		"sent":    {sale.News{Event: sale.Fenced}, "not_arrived"},
	} {
		if got, _ := sale.Default.Step(inRow(row), c.news, start); got.Reason != c.want {
			t.Errorf("%s: %q, want %q", row, got.Reason, c.want)
		}
	}
}

// TestADeferredSaleNeverGetsTooOld: its claim may leave long after the scan, the code never could.
func TestADeferredSaleNeverGetsTooOld(t *testing.T) {
	for _, row := range []string{"deferred", "passed"} {
		s, err := sale.Default.Step(inRow(row), sale.News{Event: sale.Leave}, start.Add(30*24*time.Hour))
		if err != nil || !s.Left || s.State != localapi.StateDeferred {
			t.Errorf("%s: %+v, %v", row, s, err)
		}
	}
}

// TestWhatADeferredSaleSays: nobody is told to keep the goods back, and a loss is called one.
func TestWhatADeferredSaleSays(t *testing.T) {
	s, err := sale.Default.Step(inRow("waiting"), sale.News{Event: sale.Defer, Wallet: pay.StoredValue, Claim: "SV1C.a.b.c", Deferred: start.Add(time.Minute)}, start)
	if err != nil || s.Reason != "deferred" || !s.Deferred.Equal(start.Add(time.Minute)) || s.Claim == "" || !s.Scanned.Equal(start) || s.State.Outcome() != pay.Unknown {
		t.Errorf("%+v, %v", s, err)
	}
	for _, c := range []struct {
		events []sale.Event
		reason string
		text   string
	}{
		{[]sale.Event{sale.Accepted}, "collecting", "being collected"}, {[]sale.Event{sale.Doubt}, "collecting", "being collected"},
		{[]sale.Event{sale.Approved}, "paid", "Paid."}, {[]sale.Event{sale.Accepted, sale.Approved}, "paid", "Paid."},
		{[]sale.Event{sale.Declined}, "balance_low", "the shop bears it. Too little."}, {[]sale.Event{sale.Closed}, "deferred_refused", "the shop bears it."},
		{[]sale.Event{sale.Reversed}, "deferred_refused", "the shop bears it."}, {[]sale.Event{sale.Cancel}, "cancelled", "Nothing was charged"},
		{[]sale.Event{sale.Leave, sale.Cancel, sale.Reversed}, "reversed", "undone"}, {[]sale.Event{sale.Leave, sale.Cancel, sale.Fenced}, "reversed", "undone"},
	} {
		got := s
		for _, e := range c.events {
			n := sale.News{Event: e}
			if e == sale.Declined {
				n.Reason, n.Message = "balance_low", "Too little."
			}
			if got, err = sale.Default.Step(got, n, start); err != nil {
				t.Fatal(err)
			}
		}
		if got.Reason != c.reason || !strings.Contains(got.Message, c.text) {
			t.Errorf("%v: %q %q", c.events, got.Reason, got.Message)
		}
	}
}

func TestTheLimitsOfWhatIsDeferred(t *testing.T) {
	p := storedvalue.Policy{PerSale: money.Fen(1000), Count: 3, Sum: money.Fen(2500), Age: time.Hour, Expires: start.Add(time.Minute)}
	tally := func(n int, fen int64, age time.Duration) sale.Tally {
		x := sale.Tally{Count: n, Sum: money.Fen(fen)}
		if n > 0 {
			x.Oldest = start.Add(-age)
		}
		return x
	}
	for _, c := range []struct {
		waiting sale.Tally
		amount  int64
		at      time.Duration
		want    string
	}{
		{tally(0, 0, 0), 1000, 0, ""}, {tally(2, 1500, time.Hour), 1000, 0, ""}, {tally(2, 1500, 0), 1000, time.Minute - 1, ""},
		{tally(0, 0, 0), 1001, 0, "offline.per_sale"}, {tally(3, 30, 0), 1, 0, "offline.count"}, {tally(2, 1501, 0), 1000, 0, "offline.sum"},
		{tally(1, 1, time.Hour+1), 1, 0, "offline.age"}, {tally(0, 0, 0), 1, time.Minute, "offline.expired"},
	} {
		err := sale.Within(p, c.waiting, money.Fen(c.amount), start.Add(c.at))
		if c.want == "" && err != nil || c.want != "" && (fault.CodeOf(err) != c.want || fault.KindOf(err) != fault.Conflict) {
			t.Errorf("%+v: %v, want %s", c, err, c.want)
		}
	}
}
