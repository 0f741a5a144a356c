package hublink

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/wire"
)

// write appends events to the till's journal.
func (j *journal) write(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range n {
		seq := uint64(len(j.log) + 1)
		j.log = append(j.log, wire.Record{Seq: seq, Sale: fmt.Sprint("sale_", seq), Kind: "new", At: time.UnixMilli(int64(seq)),
			Body: json.RawMessage(fmt.Sprintf(`{"state":"paid","order_no":"A-%d"}`, seq)), Prev: make([]byte, 32)})
	}
}

func (j *journal) Head() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return uint64(len(j.log))
}

func (j *journal) Records(after uint64, room int) (wire.Records, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := wire.Records{After: after, Rows: []wire.Record{}}
	if after > 0 {
		m.Hash = j.log[after-1].Hash()
	}
	for _, r := range j.log[after:] {
		if room -= len(r.Body) + recordFrame; len(m.Rows) > 0 && (room < 0 || len(m.Rows) == wire.MaxRecords) {
			break
		}
		m.Rows = append(m.Rows, r)
	}
	return m, j.fail
}

func (j *journal) Stored(s wire.Stored) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stored = append(j.stored, s)
	return j.fail
}

// takeRecords is the hub's copy: contiguous rows, answered by what is there.
func (h *hub) takeRecords(e wire.Envelope) {
	m, err := wire.Decode[wire.Records](e)
	if err != nil || m.Check() != nil || e.Seq != 0 {
		h.t.Errorf("the till sent %s: %v, %v", e.Body, err, m.Check())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lossy > 0 && h.luck.IntN(h.lossy) == 0 {
		return
	}
	s := wire.Stored{}
	switch {
	case h.differs:
		s.Fork = m.After + 1
	case int(m.After) <= h.copy:
		h.copy = max(h.copy, int(m.After)+len(m.Rows))
	}
	s.Through = uint64(h.copy)
	if !h.mute {
		h.unsaid = append(h.unsaid, s)
		h.wg.Go(h.sayNext)
	}
}

func (h *hub) sayNext() {
	h.saying.Lock()
	defer h.saying.Unlock()
	h.mu.Lock()
	s := h.unsaid[0]
	h.unsaid = h.unsaid[1:]
	h.mu.Unlock()
	h.say(0, wire.KindStored, s)
}

func (h *hub) copied() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.copy
}

// batches are the messages of events that the hub received since the last look.
func (h *hub) batches() (list []wire.Records, at []time.Time) {
	for _, s := range h.told(wire.KindRecords) {
		m, err := wire.Decode[wire.Records](s.Envelope)
		if err != nil {
			h.t.Error(err)
		}
		list, at = append(list, m), append(at, s.at)
	}
	return list, at
}

func TestCopiesTheJournal(t *testing.T) {
	inBubble(t, func(w *world) { w.j.write(500); w.hub.copy = 120 }, func(w *world) {
		list, _ := w.batches()
		if len(list) == 0 || list[0].After != 500 || len(list[0].Rows) != 0 {
			t.Fatalf("it does not ask first: %+v", list)
		}
		if len(list) < 2 || list[1].After != 120 || w.copied() != 500 {
			t.Fatalf("%d messages, %d rows at the hub", len(list), w.copied())
		}
		for _, m := range list[1:] {
			if len(m.Rows) == 0 {
				t.Error("asked again")
			}
		}
		if last := w.j.stored[len(w.j.stored)-1]; last.Through != 500 {
			t.Errorf("the till was told %+v", last)
		}
		start := time.Now()
		for range 3 { // of one sale
			w.j.write(1)
			w.link.Grown()
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if list, at := w.batches(); len(list) != 1 || len(list[0].Rows) != 3 || at[0].Sub(start) != linger {
			t.Errorf("%d messages at %v", len(list), at)
		}
		w.j.write(1)
		w.link.Sync()
		synctest.Wait()
		if list, _ := w.batches(); len(list) != 1 || w.copied() != 504 {
			t.Errorf("%d messages without delay", len(list))
		}
		w.j.write(wire.MaxRecords)
		w.link.Grown()
		synctest.Wait()
		if w.copied() != 504+wire.MaxRecords {
			t.Errorf("%d rows at the hub: company enough does not leave", w.copied())
		}
		time.Sleep(5 * time.Minute)
		if list, _ := w.batches(); len(list) > 2 {
			t.Errorf("%d messages about nothing", len(list))
		}
	})
}

// TestEventsUnderWayAreBounded: what the hub does not answer stops the rest, and is not repeated in a hurry.
func TestEventsUnderWayAreBounded(t *testing.T) {
	under := func(list []wire.Records) (bytes int) {
		for _, m := range list {
			for _, r := range m.Rows {
				bytes += len(r.Body) + recordFrame
			}
		}
		return bytes
	}
	inBubble(t, func(w *world) { w.mute = true; w.j.write(3000) }, func(w *world) {
		if list, _ := w.batches(); len(list) != 1 || under(list) != 0 {
			t.Errorf("before the hub's first word it heard %d messages", len(list))
		}
		time.Sleep(5 * time.Minute)
		if list, _ := w.batches(); len(list) < 4 || len(list) > 8 || under(list) != 0 {
			t.Errorf("in five silent minutes it heard %d messages, %d bytes of rows", len(list), under(list))
		}
		w.set(&w.mute, false)
		time.Sleep(lastAnswer + time.Second)
		if w.copied() != 3000 {
			t.Errorf("%d rows are copied", w.copied())
		}
		w.batches()
		w.set(&w.mute, true)
		w.j.write(3000)
		w.link.Grown()
		synctest.Wait()
		list, _ := w.batches()
		if n := under(list); n < wire.MaxRecordsBytes || n > mostAhead+wire.MaxRecordsBytes {
			t.Errorf("after many quick answers %d bytes are under way", n)
		}
		time.Sleep(answerTime + time.Millisecond)
		synctest.Wait()
		if list, _ = w.batches(); len(list) != 1 || len(list[0].Rows) != 0 {
			t.Errorf("after no answer it sent %d messages", len(list))
		}
	})
}

func TestLostEventsAreSentAgain(t *testing.T) {
	for lossy := 2; lossy < 5; lossy++ {
		inBubble(t, func(w *world) { w.lossy = lossy; w.j.write(1000) }, func(w *world) {
			for range 200 {
				if w.copied() < 1000 {
					time.Sleep(lastAnswer)
				}
			}
			if w.copied() != 1000 {
				t.Errorf("one of %d lost: %d rows are copied", lossy, w.copied())
			}
		})
	}
}

// TestP18TheHubWasRestored: it has less than it said, and gets the rest again.
func TestP18TheHubWasRestored(t *testing.T) {
	inBubble(t, func(w *world) { w.j.write(300) }, func(w *world) {
		w.hub.mu.Lock()
		w.hub.copy = 40
		w.hub.mu.Unlock()
		w.j.write(1) // on the same line: the next message shows it
		w.link.Sync()
		time.Sleep(answerTime + time.Second)
		if w.copied() != 301 {
			t.Errorf("%d rows are copied", w.copied())
		}
		w.hub.mu.Lock()
		w.hub.copy = 7
		w.hub.mu.Unlock()
		w.cut()
		time.Sleep(time.Minute)
		if w.copied() != 301 {
			t.Errorf("after a new line %d rows are copied", w.copied())
		}
		w.hub.mu.Lock()
		w.hub.copy = 400 // an old journal was put back here
		w.hub.mu.Unlock()
		w.cut()
		time.Sleep(time.Minute)
		w.batches()
		w.j.write(2)
		w.link.Sync()
		time.Sleep(time.Second)
		if list, _ := w.batches(); len(list) != 1 || list[0].After != 301 || len(list[0].Rows) != 2 {
			t.Errorf("what is new is not shown to the hub: %+v", list)
		}
		time.Sleep(time.Hour)
		if list, _ := w.batches(); len(list) > 20 {
			t.Errorf("%d messages in an hour", len(list))
		}
	})
}

func TestAForkStopsTheCopyAndNothingElse(t *testing.T) {
	inBubble(t, func(w *world) { w.j.write(300); w.differs = true }, func(w *world) {
		w.told()
		w.j.write(500)
		w.link.Sync()
		w.j.put(1)
		w.link.Wake()
		time.Sleep(helloEvery - time.Second)
		list := w.told(wire.KindRecords, wire.KindPay)
		for _, s := range list {
			if s.Kind == wire.KindRecords {
				t.Fatal("it goes on against the hub")
			}
		}
		if len(list) == 0 || w.j.stored[0].Fork == 0 {
			t.Error("no payment left, or the till was not told")
		}
		w.set(&w.differs, false) // a person has settled it
		time.Sleep(helloEvery)
		if w.copied() != 800 {
			t.Errorf("%d rows are copied", w.copied())
		}
	})
}

// TestMoneyGoesBeforeEvents: also when ten thousand wait.
func TestMoneyGoesBeforeEvents(t *testing.T) {
	inBubble(t, func(w *world) { w.mute = true; w.j.write(10_000); w.j.put(1) }, func(w *world) {
		list := w.told(wire.KindPay, wire.KindRecords)
		if len(list) < 2 || list[0].Kind != wire.KindPay {
			t.Errorf("%d messages, the first is %s", len(list), list[0].Kind)
		}
		w.j.put(2)
		w.set(&w.mute, false)
		w.link.Wake()
		synctest.Wait()
		if list = w.told(wire.KindPay, wire.KindRecords); len(list) == 0 || list[0].Seq != 2 {
			t.Errorf("then came %v", list)
		}
	})
}

func TestEventsDoNotHurryALinkThatIsDown(t *testing.T) {
	inBubble(t, func(w *world) { w.down = true }, func(w *world) {
		time.Sleep(5 * time.Minute)
		before := w.dialled()
		for range 60 {
			w.j.write(1)
			w.link.Grown()
			time.Sleep(time.Second)
		}
		if n := w.dialled() - before; n > 20 {
			t.Errorf("%d attempts in a minute", n)
		}
		before = w.dialled()
		w.link.Sync()
		time.Sleep(urgentDelay)
		if w.dialled() == before {
			t.Error("a person's wish does not hurry it")
		}
	})
}

func TestAJournalThatCannotBeReadEndsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.j.write(3)
		w.j.fail = errors.New("disk broken")
		go func() { w.ended <- w.link.Run(w.ctx) }()
		if err := <-w.ended; !errors.Is(err, w.j.fail) {
			t.Errorf("Run: %v", err)
		}
		w.hub.cut()
		w.wg.Wait()
		w.server.Close()
	})
}
