package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudcashier/scripts/history"
	"cloudcashier/scripts/internal/rig"
)

// callers are servers of one merchant that ask the hub all at once, without patience.
type callers struct {
	lab  *rig.Lab
	book history.Book

	mu    sync.Mutex
	codes map[string]string // payment codes, by order
	ids   map[string]string // payments, by order, as far as anybody heard
}

// TestHistories: while the hub is killed again and again, callers pay for the same orders with two bodies, cancel,
// look, and hang up when an answer takes too long. Whatever they heard, one hub that never died and keeps to the
// law could have said.
func TestHistories(t *testing.T) {
	t.Parallel()
	const seed, crowd, asks, orders = 20261125, 12, 30, 20
	ctx, r := start(t, 4*time.Minute)
	sandbox, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		t.Fatal(err)
	}
	l := lab(t, ctx, r, "--sandbox", sandbox)
	c := &callers{lab: l, codes: map[string]string{}, ids: map[string]string{}}
	dice := rand.New(rand.NewPCG(seed, 0))
	for o := range orders {
		fate := []string{"00", "50", "53", "60", "64"}[o%5]
		c.codes[fmt.Sprint("h", o)] = fmt.Sprintf("13%014d%s", dice.Int64N(100_000_000_000_000), fate)
	}
	var all sync.WaitGroup
	for n := range crowd {
		all.Go(func() {
			dice := rand.New(rand.NewPCG(seed, uint64(n)+1))
			for range asks {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Duration(dice.IntN(250)) * time.Millisecond): // customers are apart
				}
				c.ask(ctx, n, dice, fmt.Sprint("h", dice.IntN(orders)))
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	kills := 0
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-time.After(time.Duration(500+dice.IntN(1000)) * time.Millisecond):
			l.Process.Kill()
			kills++
			if l, err = r.StartLab(ctx, filepath.Join(r.Dir, "hub"), "--sandbox", sandbox); err != nil {
				t.Fatal(err)
			}
		}
	}
	agree(t, ctx, l, nil)
	for o := range orders {
		c.list(ctx, crowd, fmt.Sprint("h", o), time.Minute)
	}
	asked, lost := c.book.Count()
	t.Logf("%d requests, %d without an answer, %d kills", asked, lost, kills)
	if lost < asked/50 || kills < 2 {
		t.Errorf("%d of %d answers were lost over %d kills: that proves little", lost, asked, kills)
	}
	if err := c.book.Check(time.Minute); err != nil {
		t.Error(err)
	}
}

func (c *callers) ask(ctx context.Context, n int, dice *rand.Rand, order string) {
	patience := time.Duration(5+dice.IntN(100)) * time.Millisecond
	if dice.IntN(2) == 0 {
		patience = 5 * time.Second
	}
	c.mu.Lock()
	id := c.ids[order]
	c.mu.Unlock()
	switch luck := dice.IntN(10); {
	case luck < 3:
		c.list(ctx, n, order, patience)
	case luck == 3 && id != "":
		c.call(ctx, n, history.Ask{Kind: history.Cancel, Order: order, Key: order}, patience,
			rig.Call{Method: http.MethodPost, Path: "/v1/payments/" + id + "/cancel"})
	default:
		amount := 100 + 100*(dice.IntN(4)/3)
		body := fmt.Appendf(nil, `{"order_no":%q,"amount":%d,"code":%q,"subject":"tea","wait_ms":0}`, order, amount, c.codes[order])
		c.call(ctx, n, history.Ask{Kind: history.Pay, Order: order, Key: order, Body: fmt.Sprint(amount)}, patience,
			rig.Call{Method: http.MethodPost, Path: "/v1/payments", Body: body})
	}
}

func (c *callers) list(ctx context.Context, n int, order string, patience time.Duration) {
	c.call(ctx, n, history.Ask{Kind: history.List, Order: order}, patience, rig.Call{Method: http.MethodGet, Path: "/v1/payments?order_no=" + order})
}

// call asks, and notes what was heard. Only an answer that the hub signed is one; a refusal because it is busy or
// stopping may be about a copy of the request.
func (c *callers) call(ctx context.Context, n int, a history.Ask, patience time.Duration, call rig.Call) {
	end := c.book.Begin(n, a)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := c.lab.Do(ctx, call)
	if err != nil || !answer.Proven || answer.Status >= 500 || answer.Status == http.StatusTooManyRequests {
		return
	}
	var said struct {
		rig.Payment
		Payments []rig.Payment `json:"payments"`
		Code     string        `json:"code"`
	}
	if json.Unmarshal(answer.Body, &said) != nil {
		return
	}
	if answer.Status >= 400 {
		end(history.Heard{Refused: said.Code})
		return
	}
	if said.ID != "" {
		said.Payments = append(said.Payments, said.Payment)
	}
	h := history.Heard{Payments: map[string]history.Shown{}}
	for _, p := range said.Payments {
		h.Payments[p.OrderNo] = history.Shown{ID: p.ID, Body: fmt.Sprint(p.Amount), Status: p.Status}
		c.mu.Lock()
		c.ids[p.OrderNo] = p.ID
		c.mu.Unlock()
	}
	end(h)
}
