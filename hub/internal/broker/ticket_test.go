package broker

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/hub/internal/registry"
)

// visit connects a till with what it remembers of TLS, and tells whether the session was resumed and the
// till let in.
func (h *hub) visit(u till, memory tls.ClientSessionCache) (resumed, admitted bool) {
	h.t.Helper()
	raw, err := h.dial()
	if err != nil {
		h.t.Fatal(err)
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{Certificates: []tls.Certificate{u.cert}, RootCAs: h.ca.Pool(), ServerName: "hub.test", ClientSessionCache: memory})
	if err := conn.Handshake(); err != nil {
		h.t.Fatal(err)
	}
	c := &client{t: h.t, conn: conn}
	c.send(greetingOf(u.id))
	p, err := packets.ReadPacket(conn)
	ack, ok := p.(*packets.ConnackPacket)
	return conn.ConnectionState().DidResume, err == nil && ok && ack.ReturnCode == packets.Accepted
}

// TestTicketsOutliveARestart: a hub with the same keys resumes what another began; one without them shakes
// hands anew; and a ticket lets nobody in whom the Directory does not.
func TestTicketsOutliveARestart(t *testing.T) {
	var mu sync.Mutex
	days := map[int64]bool{}
	same := func(day int64) [32]byte {
		mu.Lock()
		defer mu.Unlock()
		days[day] = true
		return [32]byte{1, byte(day)}
	}
	first := newHub(t, nil, func(c *Config) { c.TicketKey = same })
	u, memory := first.enrol("trm_a"), tls.NewLRUClientSessionCache(1)
	if resumed, in := first.visit(u, memory); resumed || !in {
		t.Fatalf("the first visit: resumed %v, admitted %v", resumed, in)
	}
	restarted := func(key func(int64) [32]byte) *hub {
		h := newHub(t, nil, func(c *Config) { c.TLS, c.TicketKey = first.TLS, key })
		h.ca = first.ca
		known, err := first.dir.Terminal(u.id)
		if err != nil {
			t.Fatal(err)
		}
		h.dir.change(u.id, func(t *registry.Terminal) { *t = known })
		return h
	}
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	second := restarted(same)
	if resumed, in := second.visit(u, memory); !resumed || !in {
		t.Errorf("at the hub that was started again: resumed %v, admitted %v", resumed, in)
	}
	if resumed, in := restarted(func(day int64) [32]byte { return [32]byte{2, byte(day)} }).visit(u, memory); resumed || !in {
		t.Errorf("at a hub with other keys: resumed %v, admitted %v", resumed, in)
	}
	if _, in := second.visit(u, memory); !in { // the ticket is of the right keys again
		t.Error("not admitted")
	}
	second.dir.change(u.id, func(t *registry.Terminal) { t.Revoked = true })
	if resumed, in := second.visit(u, memory); !resumed || in {
		t.Errorf("a revoked till with a good ticket: resumed %v, admitted %v", resumed, in)
	}
	mu.Lock()
	defer mu.Unlock()
	list := slices.Sorted(maps.Keys(days))
	today := time.Now().Unix() / 86400
	if n := len(list); n < 8 || n > 9 || list[n-1] > today || list[0] < today-8 { // midnight may pass
		t.Errorf("on day %d the keys of %v are used", today, list)
	}
}

// at is a connection from an address.
type at struct {
	net.Conn
	address string
}

func (a at) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(a.address), Port: 1} }

// TestOneAddressNeverKeepsTheOthersOut: strangers from one address get what is free besides, half of it all
// when nobody else comes.
func TestOneAddressNeverKeepsTheOthersOut(t *testing.T) {
	h := newHub(t, nil, func(c *Config) { c.MaxPending, c.MaxPendingPerIP = 400, 1000 })
	come := func(address string) (let int) {
		for range 500 {
			here, there := net.Pipe()
			defer here.Close()
			defer there.Close()
			if h.door.admit(at{there, address}) != nil {
				let++
			}
		}
		return let
	}
	for i, want := range []int{200, 100, 64, 36, 0} { // the fourth finds 36 places left in all
		if let := come(fmt.Sprint("10.0.0.", i+1)); let != want {
			t.Errorf("address %d: %d strangers were let in, want %d", i+1, let, want)
		}
	}
}
