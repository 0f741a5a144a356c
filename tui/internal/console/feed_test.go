package console_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
)

func saleEvent(id string, amount int64) localapi.Event {
	return localapi.Event{Kind: localapi.EventSale, Sale: &localapi.Sale{ID: id, Amount: amount}}
}

func TestMailboxKeepsTheLatest(t *testing.T) {
	m := console.NewMailbox()
	for i := range 500 {
		m.Put(saleEvent("a", int64(i)))
		m.Put(localapi.Event{Kind: localapi.EventStatus, Status: &localapi.Status{Queue: i}})
		m.Put(localapi.Event{Kind: localapi.EventScan, Notice: &localapi.Notice{Text: fmt.Sprint(i)}})
	}
	m.Put(localapi.Event{Kind: "newer than us"})
	sales, status, notices, lost := m.Take(t.Context())
	if len(sales) != 1 || sales[0].Amount != 499 || status.Queue != 499 || len(notices) != 4 || notices[3].Text != "499" || lost {
		t.Errorf("took %v %v %v %t", sales, status, notices, lost)
	}
	m.Put(saleEvent("a", 7))
	if sales, _, _, _ := m.Take(t.Context()); len(sales) != 1 || sales[0].Amount != 7 {
		t.Errorf("after a look: %v", sales)
	}
}

func TestMailboxIsBounded(t *testing.T) {
	m := console.NewMailbox()
	for i := range 1000 {
		m.Put(saleEvent(fmt.Sprint(i), 1))
	}
	if sales, _, _, lost := m.Take(t.Context()); len(sales) != 64 || !lost {
		t.Errorf("%d sales, lost %t", len(sales), lost)
	}
	m.Put(localapi.Event{Kind: localapi.EventDropped})
	if _, _, _, lost := m.Take(t.Context()); !lost {
		t.Error("the agent's own loss is not told")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if sales, _, _, _ := m.Take(ctx); sales != nil {
		t.Error("news after the end")
	}
}

func TestFollowReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := console.NewMailbox()
		begun := time.Now()
		var tries []time.Duration
		events := func(ctx context.Context, on func(localapi.Event)) error {
			tries = append(tries, time.Since(begun))
			if len(tries) == 5 {
				on(saleEvent("a", 1))
				<-ctx.Done()
			}
			return errors.New("away")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			console.Follow(ctx, events, m)
		}()
		<-time.After(10 * time.Second)
		synctest.Wait()
		if len(tries) != 5 || tries[4] != 3750*ms { // 250, 500, 1000, 2000 ms
			t.Errorf("tried at %v", tries)
		}
		if sales, _, _, lost := m.Take(ctx); len(sales) != 1 || !lost {
			t.Errorf("%d sales, lost %t: the gap before the connection is not told", len(sales), lost)
		}
		cancel()
		<-done
	})
}
