package hublink

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/wire"
)

func equal(t *testing.T, what string, got, want []uint64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestGreetsThenSendsInOrder(t *testing.T) {
	inBubble(t, func(w *world) { w.silent = true; w.j.put(1, 2, 3); w.j.seq = 41 }, func(w *world) {
		first := w.told(wire.KindHello, wire.KindPay)
		if len(first) != 1 || first[0].Kind != wire.KindHello || first[0].Ack != 41 || first[0].qos != 1 {
			t.Fatalf("before the greeting the hub heard %v", first)
		}
		hello, err := wire.Decode[wire.Hello](first[0].Envelope)
		if err != nil || hello.Boot != "b1" || hello.Version != "1.2.3" {
			t.Errorf("hello %+v, %v", hello, err)
		}
		if w.link.State().Up {
			t.Error("up before the hub greeted")
		}
		w.say(0, wire.KindWelcome, wire.Welcome{SentAt: hello.SentAt.Add(time.Second), Now: time.Now()}) // to another hello
		synctest.Wait()
		if w.link.State().Up {
			t.Error("up by an answer to another hello")
		}
		w.say(0, wire.KindWelcome, wire.Welcome{Operators: "OPR1.c.d"}) // who works here changed
		synctest.Wait()
		if w.link.State().Up {
			t.Error("up by a word nobody asked for")
		}
		w.say(0, wire.KindWelcome, wire.Welcome{SentAt: hello.SentAt, Now: time.Now(), Offline: "SVP1.a.b", Operators: "OPR1.e.f"})
		synctest.Wait()
		if !slices.Equal(w.j.staff, []string{"OPR1.c.d false", "OPR1.e.f true"}) {
			t.Errorf("lists of operators: %q", w.j.staff)
		}
		if !slices.Equal(w.j.greeted, []string{"SVP1.a.b"}) {
			t.Errorf("came with the greeting: %q", w.j.greeted)
		}
		list := w.told(wire.KindHello, wire.KindPay)
		equal(t, "sent", seqs(list), []uint64{1, 2, 3})
		if list[0].qos != 1 || list[0].Ack != 41 {
			t.Errorf("sent with quality %d, ack %d", list[0].qos, list[0].Ack)
		}
		if !w.link.State().Up {
			t.Error("not up")
		}
		w.j.put(4)
		w.link.Wake()
		synctest.Wait()
		equal(t, "woken", seqs(w.told(wire.KindPay)), []uint64{4})
	})
}

func TestRetriesUntilAnswered(t *testing.T) {
	inBubble(t, func(w *world) { w.j.put(1, 2) }, func(w *world) {
		start := time.Now()
		time.Sleep(12 * time.Second) // virtual
		w.j.answer(1)
		time.Sleep(60 * time.Second)
		var one, two []time.Duration
		for _, s := range w.told(wire.KindPay) {
			if d := s.at.Sub(start); s.Seq == 1 {
				one = append(one, d)
			} else {
				two = append(two, d)
			}
		}
		s := time.Second
		if want := []time.Duration{0, 1500 * time.Millisecond, 4500 * time.Millisecond, 10500 * time.Millisecond}; !slices.Equal(one, want) {
			t.Errorf("answered after 12 s: sent at %v, want %v", one, want)
		}
		if want := []time.Duration{0, 1500 * time.Millisecond, 4500 * time.Millisecond, 10500 * time.Millisecond, 22500 * time.Millisecond, 46*s + 500*time.Millisecond}; !slices.Equal(two, want) {
			t.Errorf("never answered: sent at %v, want %v", two, want)
		}
	})
}

// TestDoesNotRunAhead: what the hub has not taken is bounded, and what it refuses for the moment
// holds nothing else up for long.
func TestDoesNotRunAhead(t *testing.T) {
	const n = 3 * ahead
	inBubble(t, func(w *world) {
		w.busy = true
		for seq := uint64(1); seq <= n; seq++ {
			w.j.put(seq)
		}
	}, func(w *world) {
		if list := w.told(wire.KindPay); len(list) != ahead {
			t.Errorf("%d messages left at once", len(list))
		}
		time.Sleep(time.Minute)
		first := map[uint64]bool{}
		for _, s := range w.told(wire.KindPay) {
			first[s.Seq] = true
		}
		if len(first) != n {
			t.Errorf("%d messages were tried in a minute", len(first))
		}
		w.set(&w.busy, false)
		time.Sleep(lastRetry + time.Second)
		first = map[uint64]bool{}
		for _, s := range w.told(wire.KindPay) {
			first[s.Seq] = true
		}
		if len(first) != n {
			t.Errorf("%d messages were sent when the hub took them again", len(first))
		}
	})
}

func TestLeavingKeepsAMessageHere(t *testing.T) {
	inBubble(t, func(w *world) { w.j.put(1, 2); w.j.hold(1) }, func(w *world) {
		time.Sleep(time.Minute)
		if list := seqs(w.told(wire.KindPay)); slices.Contains(list, 1) || !slices.Contains(list, 2) {
			t.Errorf("sent %v", list)
		}
		w.j.hold(2) // asked again for every retry
		w.link.Wake()
		time.Sleep(time.Minute)
		if list := seqs(w.told(wire.KindPay)); !slices.Contains(list, 1) || slices.Contains(list, 2) {
			t.Errorf("then sent %v", list)
		}
	})
}

func TestReceivesEachOnceInOrder(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.told()
		for _, c := range []struct {
			seq       uint64
			delivered []uint64
			ack       []uint64 // of the acknowledgements sent
		}{
			{2, []uint64{}, []uint64{}}, // a gap
			{1, []uint64{1}, []uint64{1}},
			{1, []uint64{1}, []uint64{1}}, // our word was lost
			{3, []uint64{1}, []uint64{}},
			{0, []uint64{1}, []uint64{}},
			{2, []uint64{1, 2}, []uint64{2}},
			{3, []uint64{1, 2, 3}, []uint64{3}},
			{1, []uint64{1, 2, 3}, []uint64{3}},
		} {
			before := time.Now()
			w.result(c.seq)
			time.Sleep(time.Second)
			equal(t, "delivered", w.j.got(), c.delivered)
			acks := []uint64{}
			for _, s := range w.told(wire.KindAck) {
				acks = append(acks, s.Ack)
				if late := s.at.Sub(before); late > 50*time.Millisecond || s.qos != 0 || s.Seq != 0 {
					t.Errorf("acknowledged after %v with quality %d as number %d", late, s.qos, s.Seq)
				}
			}
			equal(t, "acknowledged", acks, c.ack)
		}
	})
}

// TestGreetsAgainOverAGap: numbers are skipped and nothing fills the gap. The hub is greeted again, to hear why, and
// its answer reaches the journal.
func TestGreetsAgainOverAGap(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.told()
		for range 3 { // the hub sends again what is not acknowledged
			w.result(7)
			time.Sleep(gapTime / 3)
		}
		if list := w.told(wire.KindHello); len(list) != 0 {
			t.Errorf("greeted %d times before the gap was old", len(list))
		}
		w.result(7)
		synctest.Wait()
		if list := w.told(wire.KindHello); len(list) != 1 {
			t.Errorf("greeted %d times over a gap", len(list))
		}
		w.say(0, wire.KindSkipped, wire.Skipped{Through: 6})
		synctest.Wait()
		if n := len(w.j.received); n != 1 || w.j.received[0].Kind != wire.KindSkipped {
			t.Fatalf("the journal got %d messages", n)
		}
		for seq := range uint64(7) { // the journal of this test does not skip
			w.result(seq + 1)
		}
		synctest.Wait()
		w.result(9)
		time.Sleep(gapTime + time.Second)
		w.result(8)
		w.result(10)
		synctest.Wait()
		if list := w.told(wire.KindHello); len(list) != 0 {
			t.Errorf("greeted %d times over a gap that was filled", len(list))
		}
	})
}

func TestAcknowledgesTogether(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.told()
		for seq := uint64(1); seq <= 40; seq++ {
			w.result(seq)
		}
		synctest.Wait()
		if list := w.told(wire.KindAck); len(list) != 2 || list[0].Ack != 16 || list[1].Ack != 32 {
			t.Errorf("at once: %v", list)
		}
		w.j.put(1)
		w.link.Wake()
		synctest.Wait()
		if list := w.told(wire.KindPay); len(list) != 1 || list[0].Ack != 40 {
			t.Errorf("with the next message: %v", list)
		}
		time.Sleep(time.Second)
		if list := w.told(wire.KindAck); len(list) != 0 {
			t.Errorf("acknowledged again: %v", list)
		}
	})
}

func TestForgedMessagesAreIgnored(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
		seal := func(terminal string, d wire.Direction, kind wire.Kind, key ed25519.PrivateKey) []byte {
			data, err := wire.Seal(wire.Envelope{Kind: kind, ID: "m", Seq: 1, At: time.Now()}, wire.Result{Key: "k"}, terminal, d, key)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		good := seal(terminal, wire.Down, wire.KindResult, goldenKey)
		for name, data := range map[string][]byte{
			"another key":     seal(terminal, wire.Down, wire.KindResult, other),
			"another till's":  seal("trm_other", wire.Down, wire.KindResult, goldenKey),
			"the till's own":  seal(terminal, wire.Up, wire.KindPay, goldenKey),
			"number changed":  bytes.Replace(good, []byte(`"seq":1`), []byte(`"seq":2`), 1),
			"outcome changed": bytes.Replace(good, []byte(`"key":"k"`), []byte(`"key":"j"`), 1),
			"no signature":    good[:bytes.Index(good, []byte(`,"sig"`))],
			"nothing":         {},
			"noise":           []byte("\x00\xff{"),
			"too big":         append(bytes.Clone(good), bytes.Repeat([]byte(" "), wire.MaxMessage)...),
		} {
			w.raw(data)
			time.Sleep(time.Second)
			if got := w.j.got(); len(got) != 0 {
				t.Fatalf("%s was delivered", name)
			}
		}
		if list := w.told(wire.KindAck); len(list) != 0 || !w.link.State().Up {
			t.Errorf("acknowledged %v, up %v", list, w.link.State().Up)
		}
		w.raw(good)
		synctest.Wait()
		equal(t, "the real one", w.j.got(), []uint64{1})
	})
}

func TestReadsTheHubsClock(t *testing.T) {
	inBubble(t, func(w *world) {
		w.skew = -90 * time.Second
		w.j.out = []Message{{Seq: 1, Kind: wire.KindPay, Body: wire.Pay{Key: "k"}, Exp: time.Now().Add(45 * time.Second)}}
	}, func(w *world) {
		skew := -90 * time.Second
		if got := w.link.State().Offset; got != skew {
			t.Errorf("offset %v, want %v", got, skew)
		}
		list := w.told(wire.KindPay)
		if want := time.Now().Add(45*time.Second + skew); len(list) != 1 || !list[0].Exp.Equal(want) {
			t.Errorf("expires %v by the hub's clock, want %v", list, want)
		}
		w.mu.Lock()
		w.skew = time.Hour // the hub's clock was set
		w.mu.Unlock()
		time.Sleep(helloEvery + time.Second)
		if got := w.link.State().Offset; got != time.Hour {
			t.Errorf("after the next hello: offset %v", got)
		}
		if n := len(w.states); n != 2 || !(<-w.states).Up {
			t.Errorf("%d states told", n)
		}
	})
}

func TestClockKeepsTheBestSample(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }
	var c clock
	for i, s := range []struct{ asked, answered, there, want int }{
		{0, 100, 1050, 1000},    // the first: 1000 ± 50
		{0, 400, 1100, 1000},    // worse, and they may both be right
		{0, 20, 1020, 1010},     // better
		{0, 200, 1100, 1010},    // worse again
		{0, 200, 61_100, 61000}, // they cannot both be right
		{300, 200, 5, 61000},    // our clock was set in between
	} {
		c.take(at(s.asked), at(s.answered), at(s.there))
		if got := c.offset.Milliseconds(); got != int64(s.want) {
			t.Errorf("sample %d: offset %d ms, want %d", i, got, s.want)
		}
	}
}

// TestGolden: what package wire's golden files say is what this end says and understands.
func TestGolden(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("../../../shared/wire/testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, name := range []string{"down_result.json", "down_refused.json"} {
		inBubble(t, func(w *world) { w.j.seq = 2 }, func(w *world) {
			w.raw(read(name))
			synctest.Wait()
			equal(t, name, w.j.got(), []uint64{3})
		})
	}
	public := goldenKey.Public().(ed25519.PublicKey)
	golden := map[wire.Kind]wire.Envelope{}
	inBubble(t, func(w *world) {
		for i, name := range []string{"up_pay.json", "up_fence.json", "up_cancel.json"} {
			e, err := wire.Open(read(name), terminal, wire.Up, public)
			if err != nil {
				t.Fatal(err)
			}
			golden[e.Kind] = e
			w.j.out = append(w.j.out, Message{Seq: uint64(i + 1), Kind: e.Kind, Body: e.Body, Exp: e.Exp})
		}
	}, func(w *world) {
		list := w.told(wire.KindPay, wire.KindFence, wire.KindCancel)
		if len(list) != 3 {
			t.Fatalf("%d messages", len(list))
		}
		for _, s := range list {
			if want := golden[s.Kind]; !bytes.Equal(s.Body, want.Body) || !s.Exp.Equal(want.Exp) || s.V != want.V {
				t.Errorf("%s: %s expiring %v", s.Kind, s.Body, s.Exp)
			}
		}
	})
}
