package gateway

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"cloudcashier/shared/fault"
)

const (
	maxActivation  = 8 << 10 // a CSR has about 500 bytes
	activations    = 4       // at once: each costs signatures, and guessing gets no more than this in parallel
	guesses        = 5       // refused codes per address and window
	guessWindow    = time.Minute
	maxGuessers    = 4096 // addresses remembered; 40 bytes each
	maxTillName    = 64
	maxActCode     = 64
	activationPath = "/terminal/v1/activate"
)

// newEnrolment is the body of an activation, for the document.
type newEnrolment struct {
	Code string `json:"code" maxLength:"64" doc:"the one-time activation code"`
	CSR  string `json:"csr" doc:"certificate signing request, PEM; the private key stays on the till"`
	Name string `json:"name,omitempty" maxLength:"64" doc:"what people call the till"`
}

type enrolmentAnswer struct{ Body Enrolment }

// activation takes the place of authentication where the code is the credential: few at once, and
// a guesser is stopped by address.
func (g *Gateway) activation(next http.Handler) http.Handler {
	slots := make(chan struct{}, activations)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, problem := readBody(w, r, maxActivation)
		if problem != nil {
			problem.write(w)
			return
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-r.Context().Done():
			return
		}
		from := address(r.RemoteAddr)
		if wait := g.tries.wait(from); wait > 0 {
			p := refuse(http.StatusTooManyRequests, "activation.throttled", "too many wrong codes from this address",
				"wait a minute, then check the code")
			p.RetrySame, p.retryAfter = true, int(wait/time.Second)+1
			p.write(w)
			return
		}
		inner := r.WithContext(context.WithValue(r.Context(), askedKey{}, &asked{body: body, query: r.URL.RawQuery}))
		inner.Body = http.NoBody
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, inner)
		r.Pattern = inner.Pattern
		if seen.status == http.StatusForbidden || seen.status == http.StatusConflict {
			g.tries.failed(from)
		}
	})
}

func (g *Gateway) activate(ctx context.Context, _ *struct{}) (*enrolmentAnswer, error) {
	d := askedOf(ctx)
	var n newEnrolment
	err := object(d.body, map[string]any{"code": &n.Code, "csr": &n.CSR, "name": &n.Name})
	if err == nil {
		err = n.check()
	}
	if err == nil {
		err = checkQuery(d.query)
	}
	if err != nil {
		return nil, problemOf(err, moves)
	}
	enrolment, err := g.deps.Enroller.Enrol(ctx, n.Code, []byte(n.CSR), n.Name)
	switch fault.KindOf(err) {
	case fault.Denied, fault.NotFound: // a guesser learns nothing from the difference
		return nil, refuse(http.StatusForbidden, "activation.refused", "the activation code is not valid",
			"check the code, or make a fresh one in the portal")
	case fault.Conflict:
		return nil, refuse(http.StatusConflict, "activation.used", "the activation code was used by another till",
			"make a fresh code in the portal; if nobody of yours used this one, revoke the other till")
	}
	if err != nil {
		return nil, g.failed(err, moves)
	}
	return &enrolmentAnswer{Body: enrolment}, nil
}

func (n newEnrolment) check() error {
	if n.Code == "" || len(n.Code) > maxActCode {
		return invalid("code", "code is no activation code: type it as it was shown, four groups of four")
	}
	if block, _ := pem.Decode([]byte(n.CSR)); block == nil || block.Type != "CERTIFICATE REQUEST" {
		return invalid("csr", "csr is no certificate signing request in PEM")
	}
	if utf8.RuneCountInString(n.Name) > maxTillName || strings.ContainsFunc(n.Name, unicode.IsControl) {
		return invalid("name", "name is longer than %d characters or cannot be shown", maxTillName)
	}
	return nil
}

// address is who counts as one guesser: an IPv4 address or an IPv6 network of 64 bits.
func address(remote string) netip.Prefix {
	host, _, _ := net.SplitHostPort(remote)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{} // all of them together
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits)
	return p
}

// throttle counts wrong codes by address in fixed windows.
type throttle struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[netip.Prefix]guesser
}

type guesser struct {
	since time.Time
	count int
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, by: map[netip.Prefix]guesser{}}
}

// wait is how long the address must stay away; 0 when it may try.
func (t *throttle) wait(from netip.Prefix) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.by[from]
	if g.count < guesses {
		return 0
	}
	return max(0, guessWindow-t.now().Sub(g.since))
}

func (t *throttle) failed(from netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	g, known := t.by[from]
	if !known && len(t.by) >= maxGuessers {
		t.forget(now)
	}
	if now.Sub(g.since) >= guessWindow {
		g = guesser{since: now}
	}
	g.count++
	t.by[from] = g
}

// forget makes room: what has lapsed, else anybody; codes have 60 bits, the throttle is the second fence.
func (t *throttle) forget(now time.Time) {
	for from, g := range t.by {
		if now.Sub(g.since) >= guessWindow {
			delete(t.by, from)
		}
	}
	for from := range t.by {
		if len(t.by) < maxGuessers {
			return
		}
		delete(t.by, from)
	}
}
