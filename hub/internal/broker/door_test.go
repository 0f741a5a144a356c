package broker

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/wire"
)

// admitted tells whether a certificate gets as far as an accepted CONNECT.
func (h *hub) admitted(name string, certs ...tls.Certificate) bool {
	c, err := h.secure(certs...)
	if err != nil {
		return false
	}
	defer c.conn.Close()
	c.send(greetingOf(name))
	ack, ok := c.next().(*packets.ConnackPacket)
	return ok && ack.ReturnCode == packets.Accepted
}

func TestCertificates(t *testing.T) {
	h := newHub(t, nil)
	good := h.enrol("trm_a")
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := registry.NewCA(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// The Directory knows most of these with key and serial, so that one rule alone refuses each.
	own := h.ca
	h.ca = foreign
	forged := h.certify("trm_forged", key, time.Now(), true)
	h.ca = own
	expired := h.certify("trm_expired", key, time.Now().Add(-2*registry.TerminalLife), true)
	early := h.certify("trm_early", key, time.Now().Add(time.Hour), true)
	other := h.certify("trm_other", key, time.Now(), true)
	h.dir.change(other.id, func(t *registry.Terminal) { t.Key = good.public() })
	serial := h.certify("trm_serial", key, time.Now(), true)
	h.certify("trm_serial", key, time.Now(), true) // a newer one is in force
	swapped := h.certify("trm_swapped", key, time.Now(), true)
	h.dir.change(swapped.id, func(t *registry.Terminal) { t.ID = "trm_a" })
	for name, c := range map[string]struct {
		id    string
		certs []tls.Certificate
		want  bool
	}{
		"the till's own":       {good.id, []tls.Certificate{good.cert}, true},
		"none":                 {good.id, nil, false},
		"of another CA":        {forged.id, []tls.Certificate{forged.cert}, false},
		"expired":              {expired.id, []tls.Certificate{expired.cert}, false},
		"not valid yet":        {early.id, []tls.Certificate{early.cert}, false},
		"of another key":       {other.id, []tls.Certificate{other.cert}, false},
		"not the one in force": {serial.id, []tls.Certificate{serial.cert}, false},
		"of another's record":  {swapped.id, []tls.Certificate{swapped.cert}, false},
		"a server's":           {"hub.test", []tls.Certificate{h.TLS.Certificates[0]}, false},
		"without its key":      {good.id, []tls.Certificate{{Certificate: good.cert.Certificate, PrivateKey: key}}, false},
		"unknown terminal":     {"trm_x", []tls.Certificate{h.certify("trm_x", key, time.Now(), false).cert}, false},
	} {
		if got := h.admitted(c.id, c.certs...); got != c.want {
			t.Errorf("certificate %s: admitted = %v, want %v", name, got, c.want)
		}
	}
	if s := h.Stats(); s.Panics != 0 {
		t.Errorf("%+v", s)
	}
}

// TestStrangersAreCut: whoever does not get to CONNECT in time is gone, however far he came.
func TestStrangersAreCut(t *testing.T) {
	for name, stage := range map[string]func(h *hub, u till) net.Conn{
		"says nothing": func(h *hub, u till) net.Conn { return must(h.dial()) },
		"half a handshake": func(h *hub, u till) net.Conn {
			c := must(h.dial())
			if _, err := c.Write([]byte{22, 3, 1, 2, 0, 1}); err != nil {
				t.Error(err)
			}
			return c
		},
		"no CONNECT": func(h *hub, u till) net.Conn { return must(h.secure(u.cert)).conn },
		"half a CONNECT": func(h *hub, u till) net.Conn {
			c := must(h.secure(u.cert)).conn
			if _, err := c.Write([]byte{0x10, 40, 0, 4, 'M', 'Q'}); err != nil {
				t.Error(err)
			}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHub(t, newPipes())
				u := h.enrol("trm_a")
				good := h.connect(u)
				start := time.Now()
				c := stage(h, u)
				synctest.Wait()
				if s := h.Stats(); s.Pending != 1 || s.Connections != 2 {
					t.Errorf("%+v", s)
				}
				for h.Stats().Connections > 1 {
					if time.Since(start) > time.Minute {
						t.Fatal("still there after a minute")
					}
					time.Sleep(time.Second) // virtual
				}
				if d := time.Since(start); d < 9*time.Second || d > 11*time.Second {
					t.Errorf("cut after %v", d)
				}
				if s := h.Stats(); s.Pending != 0 || s.Sessions != 1 {
					t.Errorf("%+v", s)
				}
				if !good.alive() {
					t.Error("the good till was cut too")
				}
				for range 4 { // and lives past every deadline of strangers
					time.Sleep(10 * time.Second)
					if !good.alive() {
						t.Fatal("the good till was cut later")
					}
				}
				time.Sleep(30 * time.Second) // one and a half keepalives of silence
				if h.Stats().Connections != 0 {
					t.Error("a silent till is still there")
				}
				c.Close()
				good.conn.Close()
				if err := h.end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestHugePacketsAllocateNothing: a header may claim 256 MiB.
func TestHugePacketsAllocateNothing(t *testing.T) {
	h := newHub(t, nil)
	u := h.enrol("trm_a")
	for name, c := range map[string]struct {
		first byte
		who   func() *client
	}{
		"as CONNECT":           {0x10, func() *client { return must(h.secure(u.cert)) }},
		"as PUBLISH":           {0x30, func() *client { return h.connect(u) }},
		"as SUBSCRIBE":         {0x82, func() *client { return h.connect(u) }},
		"PUBLISH as the first": {0x30, func() *client { return must(h.secure(u.cert)) }},
	} {
		client := c.who()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := client.conn.Write([]byte{c.first, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		if p := client.next(); p != nil {
			t.Errorf("%s: answered by %v", name, p)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limit  func(*Config)
		second bool // whether a second connection is served
	}{
		"none":                  {func(*Config) {}, true},
		"connections":           {func(c *Config) { c.MaxConnections = 1 }, false},
		"strangers":             {func(c *Config) { c.MaxPending = 1 }, false},
		"strangers per address": {func(c *Config) { c.MaxPendingPerIP = 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, nil, c.limit)
			a, b := h.enrol("trm_a"), h.enrol("trm_b")
			idle := must(h.secure(a.cert)) // a stranger as long as it says nothing
			if got := h.admitted(b.id, b.cert); got != c.second {
				t.Errorf("the second was admitted: %v", got)
			}
			idle.conn.Close()
			for h.Stats().Connections > 0 {
				runtime.Gosched()
			}
			if !h.admitted(b.id, b.cert) {
				t.Error("not admitted when the first had left")
			}
		})
	}
}

// TestKnownTillsDoNotCountAsStrangers: the limit on strangers is no limit on tills.
func TestKnownTillsDoNotCountAsStrangers(t *testing.T) {
	h := newHub(t, nil, func(c *Config) { c.MaxPending, c.MaxPendingPerIP = 1, 1 })
	for i := range 5 {
		h.connect(h.enrol(fmt.Sprintf("trm_%d", i)))
	}
	if s := h.Stats(); s.Sessions != 5 || s.Pending != 0 || s.RefusedConnections != 0 {
		t.Errorf("%+v", s)
	}
}

// TestConnectsAreSpread: a burst is served at once, the rest at the rate, and who would wait too long is sent away.
func TestConnectsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes(), func(c *Config) { c.ConnectsPerSecond = 10 })
		start := time.Now()
		var first []net.Conn
		for range connectBurst { // use the burst up without the cost of handshakes
			first = append(first, must(h.dial()))
		}
		synctest.Wait()
		for _, c := range first {
			c.Close()
		}
		synctest.Wait()
		waiting := make([]net.Conn, 60)
		for i := range waiting {
			waiting[i] = must(h.dial())
		}
		synctest.Wait()
		if s := h.Stats(); s.Connections != 50 || s.RefusedConnections != connectBurst+10 {
			t.Errorf("five seconds' worth may wait: %+v after %v", s, time.Since(start))
		}
		for _, c := range waiting {
			c.Close()
		}
		if err := h.end(); err != nil {
			t.Error(err)
		}
	})
}

// failing is a listener that fails now and then.
type failing struct {
	net.Listener
	errs chan error
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, &net.OpError{Op: "accept", Err: err}
	default:
		return f.Listener.Accept()
	}
}

func TestListenerFailures(t *testing.T) {
	l := &failing{errs: make(chan error, 3)}
	l.errs <- syscall.EMFILE
	l.errs <- syscall.ECONNABORTED
	h := newHub(t, nil, func(c *Config) { l.Listener, c.Listener = c.Listener, l })
	a := h.enrol("trm_a")
	if !h.admitted(a.id, a.cert) {
		t.Error("not accepting any more after errors that pass")
	}
	l.errs <- errDisk // noticed at the next connection
	h.admitted(a.id, a.cert)
	h.admitted(a.id, a.cert)
	<-h.done()
	if err := h.end(); !errors.Is(err, errDisk) {
		t.Errorf("Run: %v", err)
	}
}

func TestRevokeCutsAtOnce(t *testing.T) {
	h := newHub(t, nil)
	a, b := h.enrol("trm_a"), h.enrol("trm_b")
	live, other := h.connect(a), h.connect(b)
	h.dir.change(a.id, func(r *registry.Terminal) { r.Revoked = true })
	h.Revoke(a.id)
	if live.next() != nil {
		t.Error("the revoked till is still connected")
	}
	if h.admitted(a.id, a.cert) {
		t.Error("the revoked till came back")
	}
	if !other.alive() {
		t.Error("another till was cut")
	}
	// One that is between the Directory's word and its session when it is revoked.
	h.dir.mu.Lock()
	h.dir.asked = func() {
		h.dir.mu.Lock()
		h.dir.asked = nil
		h.dir.mu.Unlock()
		h.dir.change(b.id, func(r *registry.Terminal) { r.Revoked = true })
		h.Revoke(b.id)
	}
	h.dir.mu.Unlock()
	c := must(h.secure(b.cert))
	c.send(greetingOf(b.id))
	for p := c.next(); p != nil; p = c.next() {
		if _, ok := p.(*packets.ConnackPacket); !ok {
			t.Errorf("got %v", p)
		}
	}
	other.conn.Close()
	for h.Stats().Connections > 0 {
		runtime.Gosched()
	}
	if s := h.Stats(); s.Sessions != 0 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
}

// TestTakeOver: the newest connection of a till wins; two runs of an agent at once are an alarm.
func TestTakeOver(t *testing.T) {
	h := newHub(t, nil)
	a := h.enrol("trm_a")
	for i, c := range []struct {
		boot      string
		leave     bool // the one before hangs up first
		takeovers int64
		clones    int64
	}{
		{"b1", false, 0, 0},
		{"b1", false, 1, 0}, // the same run: its old line is half dead
		{"b2", true, 1, 0},  // restarted after it hung up
		{"b3", false, 2, 1}, // two at once
		{"b2", false, 3, 2}, // and the other one comes back
	} {
		if c.leave {
			h.mustLeave()
		}
		before := h.live
		h.live = h.connect(a).listen(a)
		h.live.publish(a, a.hello(t, 0, c.boot))
		for welcomed := false; !welcomed; {
			m, ok := h.live.next().(*packets.PublishPacket)
			welcomed = ok && open(t, h, a, m).Kind == wire.KindWelcome
		}
		if before != nil && !c.leave && before.alive() {
			t.Errorf("%d: the old connection lives", i)
		}
		if s := h.Stats(); s.Takeovers != c.takeovers || s.Clones != c.clones || s.Sessions != 1 {
			t.Errorf("%d: %+v", i, s)
		}
	}
	if err := h.end(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(h.log.String(), "ALARM"); n != 2 {
		t.Errorf("%d alarms in the log", n)
	}
}
