package hublink

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/wire"
)

func TestHealsAfterACut(t *testing.T) {
	inBubble(t, func(w *world) { w.j.put(1, 2, 3) }, func(w *world) {
		w.result(1)
		w.j.answer(2)
		synctest.Wait()
		w.told()
		for range 5 {
			w.set(&w.down, true)
			w.cut()
			synctest.Wait()
			if s := w.link.State(); s.Up || s.Message == "" || !s.Since.Equal(time.Now()) {
				t.Errorf("after the cut: %+v", s)
			}
			time.Sleep(5 * time.Second)
			w.set(&w.down, false)
			time.Sleep(lastDelay)
			list := w.told(wire.KindHello, wire.KindPay)
			if len(list) < 3 || list[0].Kind != wire.KindHello || list[0].Ack != 1 {
				t.Fatalf("after healing: %v", list)
			}
			equal(t, "sent again", seqs(list[1:3]), []uint64{1, 3})
			if !w.link.State().Up {
				t.Error("not up after healing")
			}
		}
	})
}

// TestNoticesADeadLine: the other end neither answers nor hangs up, or does not even read.
func TestNoticesADeadLine(t *testing.T) {
	for name, flag := range map[string]func(*hub) *bool{
		"silent": func(h *hub) *bool { return &h.frozen },
		"full":   func(h *hub) *bool { return &h.stuck },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				time.Sleep(time.Minute) // pings keep it up
				if s := w.link.State(); !s.Up || w.dialled() != 1 {
					t.Fatalf("an idle link did not hold: %+v, %d connects", s, w.dialled())
				}
				w.set(flag(w.hub), true)
				time.Sleep(2*keepAlive + pingTime + 10*time.Second) // paho looks every five seconds
				if s := w.link.State(); s.Up {
					t.Error("a dead line was not noticed")
				}
				w.set(flag(w.hub), false)
				time.Sleep(lastDelay + greetTime)
				if s := w.link.State(); !s.Up {
					t.Errorf("did not come back: %+v", s)
				}
			})
		})
	}
}

func TestLinkFailures(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*world)
		want    string // part of what the till's people read
	}{
		"hub away":          {func(w *world) { w.down = true }, "cannot be reached"},
		"revoked":           {func(w *world) { w.unknown = true }, "activate the till again"},
		"reading refused":   {func(w *world) { w.deaf = true }, "activate the till again"},
		"no greeting":       {func(w *world) { w.silent = true }, "does not answer"},
		"another hub":       {func(w *world) { w.link.who.CA, _ = otherPool(w.t) }, "not our hub"},
		"wrong host":        {func(w *world) { w.link.who.MQTT = "evil.test:8883" }, "not our hub"},
		"certificate stale": {func(w *world) { w.tls.Time = func() time.Time { return time.Now().Add(30000 * time.Hour) } }, ""}, // its alert races with the end of the line
		"clock stale":       {func(w *world) { w.link.Now = func() time.Time { return time.Now().Add(30000 * time.Hour) } }, "check this till's clock"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) { c.prepare(w); w.j.put(1) }, func(w *world) {
				time.Sleep(9 * time.Second)
				if s := w.link.State(); s.Up || !strings.Contains(s.Message, c.want) {
					t.Errorf("state %+v, want %q", s, c.want)
				}
				time.Sleep(10 * time.Minute)
				if list := w.told(wire.KindPay); len(list) != 0 {
					t.Errorf("%d messages left all the same", len(list))
				}
				if n := w.dialled(); n < 15 || n > 80 { // full jitter around 15 s
					t.Errorf("%d attempts in ten minutes", n)
				}
			})
		})
	}
}

func TestASaleShortensTheWait(t *testing.T) {
	inBubble(t, func(w *world) { w.down = true }, func(w *world) {
		time.Sleep(10 * time.Minute)
		for range 20 {
			tried := w.dialled()
			w.link.Wake()
			time.Sleep(urgentDelay)
			if w.dialled() == tried {
				t.Error("no attempt within a second of a sale")
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestJournalFailureEndsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.j.fail = errors.New("disk full")
		go func() { w.ended <- w.link.Run(w.ctx) }()
		synctest.Wait()
		w.told()
		w.result(1)
		if err := <-w.ended; !errors.Is(err, w.j.fail) {
			t.Errorf("Run: %v", err)
		}
		if list := w.told(wire.KindAck); len(list) != 0 {
			t.Errorf("acknowledged what was not stored: %v", list)
		}
		w.hub.cut()
		w.wg.Wait()
		w.server.Close()
	})
}

// TestOverTCP runs the link over a real socket, with the hub's session tickets.
func TestOverTCP(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.wg.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { _ = w.server.EstablishConnection("tcp", tls.Server(c, w.tls)) })
		}
	})
	w.link.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", listener.Addr().String())
	}
	go func() { w.ended <- w.link.Run(w.ctx) }()
	for up := range []bool{true, false, true} { // up, cut, up again
		if s := <-w.states; s.Up != (up%2 == 0) {
			t.Fatalf("state %+v", s)
		}
		if up == 0 {
			for _, cl := range w.server.Clients.GetAll() {
				if !cl.Net.Inline {
					cl.Stop(nil)
				}
			}
		}
	}
	w.stop()
	if err := <-w.ended; err != nil {
		t.Error(err)
	}
	listener.Close()
	w.wg.Wait()
	w.server.Close()
}
