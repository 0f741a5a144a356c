// Package localapi is the till's door for the programs on the same machine: the cashier's screen
// and the shop's own software, over HTTP on a unix socket that only the agent's user can open.
//
// It refuses unknown fields and parameters, big bodies and slow ones. It decides nothing about
// money; the till does. Newcomers get one thing wrong: an answer means that the journal has the
// sale, not that the customer was charged; the sale's outcome says that, and it comes later.
package localapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/strictjson"
)

// SocketName is the socket's name inside the till's folder.
const SocketName = "agent.sock"

// Bounds of a request. The largest of ours has a few hundred bytes and is answered in one commit.
const (
	maxBody      = 16 << 10
	headerTime   = 5 * time.Second
	requestTime  = 10 * time.Second
	idleTime     = time.Minute
	stopTime     = 2 * time.Second // what is being answered may end within it
	maxList      = 1000
	defaultList  = 20
	heartbeat    = 15 * time.Second
	maxSunPath   = 107 // bytes in the path of a unix socket, without the closing zero
	dialDeadline = time.Second
)

// Server is the open door.
type Server struct {
	Deps
	till   *till.Till
	listen net.Listener
	limit  time.Duration // requestTime
	beat   time.Duration // heartbeat
}

// Deps is what the door needs from the composition root.
type Deps struct {
	Now   func() time.Time
	Log   *slog.Logger
	Paper Paper
	Zone  *time.Location // of the days that a search names
	Tests Tests
	Staff Staff
	Modes Modes // nil: no training
	// Barcode tells what a product's barcode is to this till.
	Barcode func(digits string) api.Notice
}

// Paper is the till's receipts.
type Paper interface {
	Reprint(saleID string) (api.PrintJob, error)
	PrintShift(number int64) (api.PrintJob, error)
	SaleOf(number string) (api.Sale, error)
	Number(text string) (int64, error)
}

// New opens the socket at path. One that is left over from an agent that died is replaced; one
// that answers belongs to a living agent (Conflict).
func New(path string, t *till.Till, d Deps) (*Server, error) {
	if len(path) > maxSunPath {
		return nil, fault.New(fault.Invalid, "agent.socket", "the path %s is %d bytes long and a socket's has at most %d: use a shorter data folder",
			path, len(path), maxSunPath)
	}
	if err := clear(path); err != nil {
		return nil, err
	}
	// The mode must be right from the first moment; it is set by the process's mask, which is why
	// this is called before anything else of the agent runs.
	mask := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(mask)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "agent.socket", "cannot listen at %s: the folder must exist and be writable", path)
	}
	if d.Modes == nil {
		d.Modes = alone{t}
	}
	return &Server{Deps: d, till: t, listen: l, limit: requestTime, beat: heartbeat}, nil
}

func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fault.New(fault.Conflict, "agent.socket", "%s is not a socket: move it away", path)
	}
	if c, err := net.DialTimeout("unix", path, dialDeadline); err == nil {
		_ = c.Close()
		return fault.New(fault.Conflict, "agent.running", "another agent answers at %s: stop it first", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}

// Close gives the socket up where nobody runs it.
func (s *Server) Close() error { return s.listen.Close() }

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	streams, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: headerTime, ReadTimeout: s.limit,
		WriteTimeout: s.limit, IdleTimeout: idleTime, MaxHeaderBytes: maxBody,
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return streams }}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listen) }()
	select {
	case err := <-ended:
		return fmt.Errorf("local API: %w", err)
	case <-ctx.Done():
	}
	endStreams()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := server.Shutdown(limit)
	if err != nil {
		err = server.Close()
	}
	<-ended
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(*http.Request) (int, any, error)) {
		mux.HandleFunc(pattern, s.answer(pattern, h))
	}
	handle("POST /v1/sales", s.newSale)
	handle("GET /v1/sales", s.sales)
	handle("GET /v1/sales/{id}", func(r *http.Request) (int, any, error) {
		sale, err := at(r).Sale(r.PathValue("id"))
		return http.StatusOK, sale, err
	})
	handle("POST /v1/sales/{id}/cancel", func(r *http.Request) (int, any, error) {
		sale, err := at(r).Cancel(r.PathValue("id"))
		return http.StatusOK, sale, err
	})
	handle("POST /v1/sales/{id}/refunds", s.newRefund)
	s.operatorRoutes(handle)
	handle("GET /v1/sales/{id}/refunds", func(r *http.Request) (int, any, error) {
		list, err := at(r).Refunds(r.PathValue("id"))
		return http.StatusOK, api.Refunds{Refunds: list}, err
	})
	handle("POST /v1/sales/{id}/reprint", func(r *http.Request) (int, any, error) {
		job, err := s.Paper.Reprint(r.PathValue("id"))
		return http.StatusCreated, job, err
	})
	handle("GET /v1/receipts/{number}", func(r *http.Request) (int, any, error) {
		sale, err := s.Paper.SaleOf(r.PathValue("number"))
		return http.StatusOK, sale, err
	})
	handle("GET /v1/refunds/{id}", func(r *http.Request) (int, any, error) {
		refund, err := at(r).Refund(r.PathValue("id"))
		return http.StatusOK, refund, err
	})
	s.deskRoutes(handle)
	handle("GET /v1/status", func(r *http.Request) (int, any, error) { return http.StatusOK, at(r).Status(), nil })
	handle("POST /v1/self-test", s.selfTest)
	handle("POST /v1/sync", func(r *http.Request) (int, any, error) { return http.StatusOK, at(r).SyncNow(), nil })
	handle(trainingRoute, s.train)
	s.shiftRoutes(handle)
	mux.HandleFunc("GET /v1/events", s.events)
	mux.HandleFunc("GET /v1/export", s.export)
	s.staffRoutes(handle)
	handle("/", func(r *http.Request) (int, any, error) {
		return 0, nil, fault.New(fault.NotFound, "api.unknown", "there is no %s %s here", r.Method, r.URL.Path)
	})
	return mux
}

// decode reads a request's body.
func decode[T any](r *http.Request) (n T, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return n, fault.Wrap(err, fault.Invalid, "api.body", "the body does not come, or is above %d bytes", maxBody)
	}
	return n, strictjson.Decode(body, &n)
}

func (s *Server) newSale(r *http.Request) (int, any, error) {
	n, err := decode[api.NewSale](r)
	if err != nil {
		return 0, nil, err
	}
	sale, fresh, err := at(r).NewSale(n)
	return made(fresh), sale, err
}

func (s *Server) newRefund(r *http.Request) (int, any, error) {
	n, err := decode[api.NewRefund](r)
	if err != nil {
		return 0, nil, err
	}
	refund, fresh, err := at(r).NewRefund(r.PathValue("id"), n)
	return made(fresh), refund, err
}

// made tells a new thing from one that the same request made before.
func made(fresh bool) int {
	if fresh {
		return http.StatusCreated
	}
	return http.StatusOK
}

// limitOf reads how many of a list are asked for.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultList, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxList {
		return 0, fault.New(fault.Invalid, "api.limit", "limit is a number from 1 to %d", maxList)
	}
	return n, nil
}

func (s *Server) sales(r *http.Request) (int, any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return 0, nil, err
	}
	list, found, err := s.find(r, limit)
	if !found {
		list, err = at(r).Sales(limit)
	}
	return http.StatusOK, api.Sales{Sales: list}, err
}

// parameters are the query parameters each path knows.
var parameters = map[string]string{"/v1/sales": "limit find from to", "/v1/shifts": "limit", "/v1/export": "day"}

// answer is every route but the events: refuse what is not known, write the value or the problem,
// and survive a panic.
func (s *Server) answer(pattern string, h func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				s.Log.Error("request panicked", logs.Kind, r.Method+" "+r.URL.Path, logs.Err, p, "stack", string(debug.Stack()))
				problem(w, fault.New(fault.Internal, "internal", "panic"))
			}
		}()
		if !knows(w, r) {
			return
		}
		r, leave, err := s.enter(r, pattern)
		if err != nil {
			problem(w, err)
			return
		}
		defer leave()
		status, value, err := h(r)
		if err != nil {
			if k := fault.KindOf(err); k == fault.Internal || k == fault.InDoubt || k == fault.Unavailable {
				s.Log.Error("request failed", logs.Kind, r.Method+" "+r.URL.Path, logs.Err, err)
			}
			problem(w, err)
			return
		}
		write(w, status, "application/json", value)
	}
}

// knows refuses parameters that are not known.
func knows(w http.ResponseWriter, r *http.Request) bool {
	for name := range r.URL.Query() {
		if !slices.Contains(strings.Fields(parameters[r.URL.Path]), name) || r.Method != http.MethodGet {
			problem(w, fault.New(fault.Invalid, "api.parameter", "parameter %q is not known here", name))
			return false
		}
	}
	return true
}

func problem(w http.ResponseWriter, err error) {
	status := api.StatusOfKind(fault.KindOf(err))
	write(w, status, "application/problem+json", api.Problem{Title: http.StatusText(status), Status: status,
		Detail: fault.MessageOf(err), Code: fault.CodeOf(err)})
}

func write(w http.ResponseWriter, status int, mediaType string, value any) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a caller that went away does not need it
}
