package till_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
	"cloudcashier/shared/wire"
)

// limits are what the hub lets the till accept: three sales, 30.00 in all, 20.00 each, a day.
func limits() storedvalue.Policy {
	return storedvalue.Policy{Terminal: "trm_1", PerSale: money.Fen(2000), Count: 3, Sum: money.Fen(3000), Age: 24 * time.Hour,
		Issued: start, Expires: start.Add(72 * time.Hour)}
}

func (r *rig) greet(p storedvalue.Policy, offset time.Duration) {
	r.Helper()
	text, err := storedvalue.SignPolicy(p, hubKey)
	if err == nil {
		err = r.till.Greeted(text, offset)
	}
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) cut() { r.till.LinkChanged(hublink.State{Since: r.now(), Message: "cut"}) }

func serial(n int) string { return fmt.Sprintf("svc_%026d", n) }

// stored is a customer's stored-value code over up to 20.00 for a day.
func stored(t *testing.T, n int, changes ...func(*storedvalue.Terms)) string {
	t.Helper()
	x := storedvalue.Terms{Account: "sva_1", Serial: serial(n), Merchant: "mer_1", Most: money.Fen(2000), NotBefore: start, NotAfter: start.Add(24 * time.Hour)}
	for _, change := range changes {
		change(&x)
	}
	c, err := storedvalue.Mint(x, secretOf(n), hubKey)
	if err != nil {
		t.Fatal(err)
	}
	return c.Reveal()
}

func secretOf(n int) []byte { return []byte(fmt.Sprintf("secret%010d", n)) }

// held is what a till holds of a code that must be on no disk: its secret, in any spelling.
func held(t *testing.T, code string) []string {
	t.Helper()
	return []string{code, code[strings.LastIndex(code, ".")+1:]}
}

func (r *rig) offline(n int, amount int64) (localapi.Sale, error) {
	r.Helper()
	s, _, err := r.till.NewSale(localapi.NewSale{Amount: amount, OrderNo: fmt.Sprintf("D-%d", n), Code: stored(r.T, n)})
	return s, err
}

func (r *rig) refused(what string, err error, code string) {
	r.Helper()
	if fault.CodeOf(err) != code || fault.MessageOf(err) == "" {
		r.Errorf("%s: %v, want %s", what, err, code)
	}
}

// TestAStoredValueCodeWithoutALine follows one sale: accepted, over restarts, forwarded, paid.
func TestAStoredValueCodeWithoutALine(t *testing.T) {
	r := newRig(t)
	r.greet(limits(), 0)
	r.cut()
	s, err := r.offline(1, 1280)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got := r.want(s.ID, localapi.StateDeferred, "pay")
		if got.Outcome != pay.Unknown || got.DeferredAt == nil || !got.DeferredAt.Equal(start) || got.Wallet != pay.StoredValue || got.Reason != "deferred" {
			t.Fatalf("%+v", got)
		}
		if o := r.till.Status().Offline; o.Count != 1 || o.Sum != 1280 || o.Oldest == nil || !o.Oldest.Equal(start) || o.Limits == nil ||
			*o.Limits != (localapi.OfflineLimits{PerSale: 2000, Count: 3, Sum: 3000, AgeS: 86400, ExpiresAt: start.Add(72 * time.Hour)}) {
			t.Errorf("%+v %+v", o, o.Limits)
		}
		r.crash()
		r.cut()
	}
	r.elapsed.Add(int64(30 * time.Hour)) // far beyond any code's minute
	r.till.Overdue()
	m := r.leave(s.ID, wire.KindPay)
	body := m.Body.(wire.Pay)
	code, err := pay.ParseCode(body.Code)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := storedvalue.Parse(code, hubPublic)
	bound := storedvalue.Sale{Terminal: "trm_1", Key: s.ID, OrderNo: "D-1", Amount: money.Fen(1280)}
	if err != nil || !claim.IsClaim() || !claim.Holds(secretOf(1), bound) || !m.Exp.IsZero() || body.CodeAgeMS != (30*time.Hour).Milliseconds() ||
		body.DeferredAt == nil || !body.DeferredAt.Equal(start) {
		t.Errorf("%+v, %v", body, err)
	}
	r.hub(wire.KindRefused, wire.Refused{Key: s.ID, Code: "payment.busy", Message: "Too busy."})
	r.want(s.ID, localapi.StateDeferred, "pay")
	paid := result(s.ID, pay.StatusSucceeded)
	paid.Wallet = pay.StoredValue
	r.hub(wire.KindResult, paid)
	r.want(s.ID, localapi.StatePaid, "")
	if o := r.till.Status().Offline; o.Count != 0 || o.Sum != 0 || o.Oldest != nil {
		t.Errorf("%+v", o)
	}
	if got := r.events(s.ID); got != "new approved" {
		t.Errorf("events: %s", got)
	}
	r.secretFree(stored(t, 1))
}

// secretFree looks for a code and its secret on the disk and in the log.
func (r *rig) secretFree(code string) {
	r.Helper()
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(r.path + suffix)
		if err != nil {
			r.Fatal(err)
		}
		for _, part := range held(r.T, code) {
			if bytes.Contains(data, []byte(part)) || strings.Contains(r.log.String(), part) {
				r.Errorf("journal%s or the log holds the code", suffix)
			}
		}
	}
}

// TestEveryOfflineLimit: each is named, and what is refused leaves nothing behind.
func TestEveryOfflineLimit(t *testing.T) {
	r := newRig(t)
	r.cut()
	refuse := func(what string, n int, amount int64, code string) {
		t.Helper()
		_, err := r.offline(n, amount)
		r.refused(what, err, code)
		if sales, err := r.till.Sales(10); err != nil || len(sales) > 3 || r.till.Status().Offline.Count > 3 {
			t.Errorf("%s: it left something: %+v, %v", what, sales, err)
		}
	}
	refuse("without limits", 1, 100, "offline.no_policy")
	r.greet(limits(), 0)
	refuse("a big one", 1, 2001, "storedvalue.too_much")
	big := limits()
	big.PerSale = money.Fen(1999)
	r.greet(big, 0)
	refuse("a sale", 1, 2000, "offline.per_sale")
	r.greet(limits(), 0)
	for n := range 2 {
		if _, err := r.offline(n, 1000); err != nil {
			t.Fatal(err)
		}
	}
	refuse("the sum", 5, 1001, "offline.sum")
	if _, err := r.offline(5, 1000); err != nil { // the same code: a refusal burns none
		t.Fatal(err)
	}
	refuse("the count", 6, 1, "offline.count")
	r.crash()
	r.cut()
	refuse("the count, after a restart", 6, 1, "offline.count")
	sales, err := r.till.Sales(10)
	if err != nil || len(sales) != 3 {
		t.Fatal(sales, err)
	}
	if _, err := r.till.Cancel(sales[2].ID); err != nil { // the oldest; its claim may have left before the crash
		t.Fatal(err)
	}
	refuse("the count, one being cancelled", 6, 1, "offline.count")
	r.hub(wire.KindResult, tombstone(sales[2].ID))
	if _, err := r.offline(6, 1); err != nil {
		t.Error(err)
	}
	r.hub(wire.KindResult, result2(sales[1].ID, 1000))
	r.elapsed.Add(int64(24*time.Hour + time.Second))
	fresh := stored(t, 7, func(x *storedvalue.Terms) { x.NotAfter = start.Add(300 * time.Hour) })
	_, _, err = r.till.NewSale(localapi.NewSale{Amount: 1, Code: fresh})
	r.refused("the age", err, "offline.age")
	r.hub(wire.KindResult, result2(sales[0].ID, 1000))
	r.elapsed.Add(int64(48 * time.Hour))
	_, _, err = r.till.NewSale(localapi.NewSale{Amount: 1, Code: fresh})
	r.refused("the end of the limits", err, "offline.expired")
	if r.till.Status().Offline.Limits != nil {
		t.Error("expired limits are shown as in force")
	}
}

func result2(key string, fen int64) wire.Result {
	x := result(key, pay.StatusSucceeded)
	x.Amount, x.Wallet = fen, pay.StoredValue
	return x
}

// TestOnlyTheHubsOwnLimitsCount, for this till, and the last greeting's.
func TestOnlyTheHubsOwnLimitsCount(t *testing.T) {
	for name, text := range map[string]func() string{
		"none": func() string { return "" },
		"another till's": func() string {
			p := limits()
			p.Terminal = "trm_2"
			s, _ := storedvalue.SignPolicy(p, hubKey)
			return s
		},
		"changed ones": func() string {
			s, _ := storedvalue.SignPolicy(limits(), hubKey)
			return strings.Replace(s, "SVP1.ey", "SVP1.ez", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.greet(limits(), 0)
			if err := r.till.Greeted(text(), 0); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r.cut()
				_, err := r.offline(1, 100)
				r.refused(name, err, "offline.no_policy")
				if r.till.Status().Offline.Limits != nil {
					t.Error("they are shown as in force")
				}
				r.crash()
			}
		})
	}
}

// TestOnlyGoodCodesAreAccepted, whether there is a line or not.
func TestOnlyGoodCodesAreAccepted(t *testing.T) {
	for _, up := range []bool{true, false} {
		r := newRig(t)
		r.greet(limits(), 0)
		if !up {
			r.cut()
		}
		good := stored(t, 1)
		claim := func() string {
			c, _ := storedvalue.Parse(parsed(t, good), hubPublic)
			x, _ := c.Claim(storedvalue.Sale{Terminal: "trm_1", Key: "sale_1", Amount: money.Fen(100)})
			return x.Reveal()
		}()
		flip := "B"
		if good[len(good)-4] == 'B' {
			flip = "C"
		}
		for name, c := range map[string]struct{ code, want string }{
			"another secret":       {good[:len(good)-4] + flip + good[len(good)-3:], "storedvalue.secret"},
			"another amount":       {strings.Replace(good, "SV1.ey", "SV1.ez", 1), "storedvalue.signature"},
			"a claim":              {claim, "storedvalue.claim"},
			"another merchant's":   {stored(t, 1, func(x *storedvalue.Terms) { x.Merchant = "mer_2" }), "storedvalue.merchant"},
			"one for less":         {stored(t, 1, func(x *storedvalue.Terms) { x.Most = money.Fen(99) }), "storedvalue.too_much"},
			"one for tomorrow":     {stored(t, 1, func(x *storedvalue.Terms) { x.NotBefore = start.Add(time.Hour) }), "storedvalue.not_yet"},
			"one that has expired": {stored(t, 1, func(x *storedvalue.Terms) { x.NotBefore, x.NotAfter = start.Add(-2*time.Hour), start.Add(-time.Hour) }), "storedvalue.expired"},
		} {
			_, _, err := r.till.NewSale(localapi.NewSale{Amount: 100, Code: c.code})
			r.refused(fmt.Sprintf("%s (line: %t)", name, up), err, c.want)
		}
		if sales, err := r.till.Sales(10); err != nil || len(sales) != 0 {
			t.Errorf("%+v, %v", sales, err)
		}
	}
}

// TestACodeIsAcceptedOnce: its serial counts, as long as it can be shown.
func TestACodeIsAcceptedOnce(t *testing.T) {
	r := newRig(t)
	p := limits()
	p.Expires = start.Add(300 * time.Hour)
	r.greet(p, 0)
	r.cut()
	long := func(x *storedvalue.Terms) { x.NotAfter = start.Add(200 * time.Hour) }
	first := r.begin(localapi.NewSale{Amount: 100, OrderNo: "A-1", Code: stored(t, 1, long)})
	again, fresh, err := r.till.NewSale(localapi.NewSale{Amount: 100, OrderNo: "A-1", Code: stored(t, 1, long)})
	if err != nil || fresh || again.ID != first.ID {
		t.Errorf("the same request: %+v, %v", again, err)
	}
	r.hub(wire.KindResult, result2(first.ID, 100))
	for i := range 3 {
		_, _, err = r.till.NewSale(localapi.NewSale{Amount: 100, OrderNo: "A-2", Code: stored(t, 1, long)})
		r.refused("the code again", err, "code.used")
		waiting := r.begin(localapi.NewSale{Amount: 100})
		if r.till.Scan(parsed(t, stored(t, 1, long)), r.now()) {
			t.Error("a scan of it was used")
		}
		r.cancel(waiting.ID)
		r.elapsed.Add(int64(60 * time.Hour)) // codes of wallets are forgotten after a day
		other := r.begin(localapi.NewSale{Amount: 1, Code: stored(t, 100+i, long)})
		r.hub(wire.KindResult, result2(other.ID, 1))
	}
}

// TestAScanMakesAWaitingSaleDeferred, and past the limits it goes on waiting and the code stays good.
func TestAScanMakesAWaitingSaleDeferred(t *testing.T) {
	r := newRig(t)
	p := limits()
	p.Count = 1
	r.greet(p, 0)
	r.cut()
	first, second := r.begin(localapi.NewSale{Amount: 100}), localapi.Sale{}
	if !r.till.Scan(parsed(t, stored(t, 1)), r.now()) {
		t.Fatal("the scan was not used")
	}
	r.want(first.ID, localapi.StateDeferred, "pay")
	second = r.begin(localapi.NewSale{Amount: 100})
	if r.till.Scan(parsed(t, stored(t, 2)), r.now()) {
		t.Error("a scan past the limits was used")
	}
	r.want(second.ID, localapi.StateWaiting, "pay")
	r.till.LinkChanged(hublink.State{Up: true, Since: r.now()})
	if !r.till.Scan(parsed(t, stored(t, 2)), r.now()) { // the same code, connected
		t.Error("the code was burnt")
	}
	r.want(second.ID, localapi.StateSending, "pay pay")
	if got := r.till.Outgoing(); got[0].Body.(wire.Pay).Key != first.ID || got[1].Exp.IsZero() || got[1].Body.(wire.Pay).DeferredAt != nil {
		t.Errorf("the oldest money is not first: %+v", got)
	}
	if strings.Contains(fmt.Sprint(r.till.Outgoing()), stored(t, 2)) {
		t.Error("the code itself is sent")
	}
	r.secretFree(stored(t, 2))
}

// TestConnectedStoredValueIsNotStored: it dies with the memory like any code.
func TestConnectedStoredValueIsNotStored(t *testing.T) {
	r := newRig(t)
	r.greet(limits(), 0)
	s := r.begin(localapi.NewSale{Amount: 100, Code: stored(t, 1)})
	m := r.leave(s.ID, wire.KindPay)
	r.cut() // it may have left: no limit makes it deferred
	r.want(s.ID, localapi.StateSending, "pay")
	r.secretFree(stored(t, 1))
	data, err := os.ReadFile(r.path + "-wal")
	if err != nil || bytes.Contains(data, []byte(m.Body.(wire.Pay).Code)) {
		t.Errorf("the claim of a sale that is not deferred is on the disk (%v)", err)
	}
	r.crash()
	r.want(s.ID, localapi.StateUnknown, "fence")
}

func TestCancelOfADeferredSale(t *testing.T) {
	r := newRig(t)
	r.greet(limits(), 0)
	r.cut()
	never, _ := r.offline(1, 100)
	left, _ := r.offline(2, 100)
	r.leave(left.ID, wire.KindPay)
	r.cancel(never.ID)
	r.want(never.ID, localapi.StateCancelled, "pay")
	r.cancel(left.ID)
	r.want(left.ID, localapi.StateCancelling, "cancel")
	r.hub(wire.KindResult, tombstone(left.ID))
	if s := r.want(left.ID, localapi.StateReversed, ""); s.Reason != "reversed" {
		t.Errorf("%+v", s)
	}
}

// TestALossIsShown where the cashier looks.
func TestALossIsShown(t *testing.T) {
	r := newRig(t)
	r.greet(limits(), 0)
	r.cut()
	s, _ := r.offline(1, 100)
	declined := result(s.ID, pay.StatusDeclined)
	declined.Reason, declined.Message = "balance_low", "The balance is too low."
	r.hub(wire.KindResult, declined)
	got := r.want(s.ID, localapi.StateDeclined, "")
	if got.DeferredAt == nil || got.Reason != "balance_low" || !strings.Contains(got.Message, "the shop bears it") || !strings.Contains(got.Message, "too low") {
		t.Errorf("%+v", got)
	}
}

// TestTheHubsClockCounts: the till's own may be wrong, and set back it makes nothing last.
func TestTheHubsClockCounts(t *testing.T) {
	r := newRig(t)
	p := limits()
	p.Issued, p.Expires = start.Add(100*time.Hour), start.Add(101*time.Hour)
	r.greet(p, 100*time.Hour) // our clock is four days behind
	life := func(x *storedvalue.Terms) {
		x.NotBefore, x.NotAfter = start.Add(99*time.Hour), start.Add(102*time.Hour)
	}
	for i := range 2 {
		r.cut()
		s := r.begin(localapi.NewSale{Amount: 1, Code: stored(t, i, life)})
		if !s.DeferredAt.Equal(start.Add(100*time.Hour + time.Duration(r.elapsed.Load()))) {
			t.Errorf("deferred at %s", s.DeferredAt)
		}
		r.crash() // the offset is on the disk
		r.elapsed.Add(int64(time.Minute))
	}
	r.elapsed.Store(int64(-50 * time.Hour)) // somebody sets the clock back
	r.cut()
	s := r.begin(localapi.NewSale{Amount: 1, Code: stored(t, 77, life)})
	if !s.DeferredAt.Equal(p.Issued) {
		t.Errorf("deferred at %s", s.DeferredAt)
	}
	r.elapsed.Store(int64(61 * time.Minute))
	_, _, err := r.till.NewSale(localapi.NewSale{Amount: 1, Code: stored(t, 78, life)})
	r.refused("an hour later by the hub's clock", err, "offline.expired")
}
