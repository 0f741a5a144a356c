package gateway

import (
	"bytes"
	"cloudcashier/hub/internal/engine"
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// maxAnswer bounds an answer, which is held until it is signed: a hundred payments are 80 KiB.
const maxAnswer = 1 << 20

const paymentsPath = "/v1/payments"

// asked is a request whose sender is proven; handlers find it in their context.
type asked struct {
	merchant string
	body     []byte
	query    string
	once     *engine.Once
}

type askedKey struct{}

// askedOf finds the request. A handler that is reached without one is a hole in the wiring.
func askedOf(ctx context.Context) *asked {
	a, ok := ctx.Value(askedKey{}).(*asked)
	if !ok {
		panic("gateway: a handler was reached past authentication")
	}
	return a
}

// merchants verifies a request, hands it on, and signs the answer. What is answered to a sender who
// is not proven fresh carries no signature: a replayed request must not obtain a signed answer
// that could stand in for the first one. Nor is it carried out: its nonce is used up before, or, where a payment is asked for,
// in the transaction that takes the payment in.
func (g *Gateway) merchants(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			noMethod().write(w)
			return
		}
		body, problem := readBody(w, r, maxBody)
		if problem != nil {
			problem.write(w)
			return
		}
		select {
		case g.requests <- struct{}{}:
			defer func() { <-g.requests }()
		default:
			overloaded().write(w)
			return
		}
		key, c, problem := g.auth.verify(r, body)
		once := c.once()
		if problem == nil && (r.Method != http.MethodPost || r.URL.Path != paymentsPath) {
			problem = g.auth.useUp(once)
		}
		if problem != nil {
			g.metrics.refused(problem.Code)
			problem.write(w)
			return
		}
		ctx := context.WithValue(r.Context(), askedKey{}, &asked{merchant: key.Merchant, body: body, query: r.URL.RawQuery, once: once})
		inner := r.WithContext(ctx)
		inner.Body = http.NoBody
		held := holdPool.Get().(*held)
		defer held.release()
		next.ServeHTTP(held, inner)
		r.Pattern = inner.Pattern // for the metrics
		if problem := g.auth.useUp(once); problem != nil {
			g.metrics.refused(problem.Code)
			problem.write(w)
			return
		}
		if held.over {
			held.clear()
			refuse(http.StatusInternalServerError, "internal", "the answer is too large", kindAdvice[0]).write(held)
		}
		for k, v := range held.header {
			w.Header()[k] = v
		}
		g.signAnswer(w.Header(), key, c, held.status, held.body.Bytes())
		w.Header().Set("Content-Length", strconv.Itoa(held.body.Len()))
		w.WriteHeader(held.status)
		w.Write(held.body.Bytes())
	})
}

// readBody takes the whole body, bounded in size by limit and in time by the server's ReadTimeout.
// Then it lifts that deadline: it would otherwise end the request's context while a payment waits.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Problem) {
	tooLarge := refuse(http.StatusRequestEntityTooLarge, "request.too_large",
		"the body is above "+strconv.FormatInt(limit, 10)+" bytes", "send less")
	// stop keeps the server from reading on, for the rest of a body nobody wants.
	stop := func(p *Problem) ([]byte, *Problem) {
		w.Header().Set("Connection", "close")
		http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		return nil, p
	}
	if r.ContentLength > limit {
		return stop(tooLarge)
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(r.ContentLength) + bytes.MinRead) // one allocation, no regrowth at EOF
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	var exceeded *http.MaxBytesError
	switch {
	case errors.As(err, &exceeded):
		return stop(tooLarge)
	case err != nil:
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p := refuse(http.StatusRequestTimeout, "request.slow", "the body did not come in time", "send it again, faster")
			p.RetrySame = true
			return stop(p)
		}
		return stop(refuse(http.StatusBadRequest, "request.broken", "the body did not come whole", "send it again"))
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, unavailable("hub.unavailable", "the connection is gone")
	}
	return body.Bytes(), nil
}

// held is an answer kept back until it can be signed.
type held struct {
	header http.Header
	body   bytes.Buffer
	status int
	over   bool // it grew past maxAnswer
}

var holdPool = sync.Pool{New: func() any { return &held{header: http.Header{}, status: http.StatusOK} }}

func (h *held) Header() http.Header { return h.header }

func (h *held) WriteHeader(status int) { h.status = status }

func (h *held) Write(p []byte) (int, error) {
	if h.body.Len()+len(p) > maxAnswer {
		h.over = true
		return len(p), nil
	}
	return h.body.Write(p)
}

func (h *held) clear() {
	clear(h.header)
	h.body.Reset()
	h.status, h.over = http.StatusOK, false
}

// release gives the buffer back unless it grew large.
func (h *held) release() {
	if h.body.Cap() <= 64<<10 {
		h.clear()
		holdPool.Put(h)
	}
}
