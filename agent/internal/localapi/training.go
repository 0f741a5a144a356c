package localapi

import (
	"context"
	"net/http"

	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// Modes says which till is in force: the real one, or a training till.
type Modes interface {
	// Enter gives the till in force, which stays so until leave is called, and what is closed when it no longer is.
	Enter() (t *till.Till, over <-chan struct{}, leave func())
	// Train begins training or ends it. It waits until everybody has left.
	Train(on bool) error
}

// alone is a till that knows no training.
type alone struct{ till *till.Till }

func (a alone) Enter() (*till.Till, <-chan struct{}, func()) { return a.till, nil, func() {} }
func (a alone) Train(bool) error {
	return fault.New(fault.NotFound, "training.none", "this till knows no training mode")
}

// trainingRoute is the one that changes the mode, and so must not be inside it.
const trainingRoute = "POST /v1/training"

// trained are the routes that a training till answers. All others are of the real till, or of real money, and are
// refused in training: a route that is new here is refused until somebody has thought about it.
var trained = map[string]bool{
	"POST /v1/sales": true, "GET /v1/sales": true, "GET /v1/sales/{id}": true, "POST /v1/sales/{id}/cancel": true,
	"POST /v1/sales/{id}/refunds": true, "GET /v1/sales/{id}/refunds": true, "GET /v1/refunds/{id}": true,
	"GET /v1/status": true, "POST /v1/sync": true, "/": true,
	"GET /v1/bills/{number}": true, "GET /v1/sales/{id}/details": true, "GET /v1/barcodes/{digits}": true, "POST /v1/sales/{id}/void": true,
	"POST /v1/shifts": true, "GET /v1/shifts": true, "GET /v1/shifts/{number}": true, "POST /v1/shifts/current/report": true,
	"POST /v1/shifts/current/movements": true, "POST /v1/shifts/current/close": true, "GET /v1/operators": true,
}

type tillKey struct{}

// enter puts the till in force into a request; leave it when the request is answered.
func (s *Server) enter(r *http.Request, pattern string) (*http.Request, func(), error) {
	if pattern == trainingRoute {
		return r, func() {}, nil
	}
	t, _, leave := s.Modes.Enter()
	if t.Training() && !trained[pattern] {
		leave()
		return r, nil, fault.New(fault.Conflict, "training.not_here", "not in training: end training first")
	}
	return r.WithContext(context.WithValue(r.Context(), tillKey{}, t)), leave, nil
}

// at is the till that a request speaks to.
func at(r *http.Request) *till.Till { return r.Context().Value(tillKey{}).(*till.Till) }

func (s *Server) train(r *http.Request) (int, any, error) {
	n, err := decode[api.Training](r)
	if err == nil {
		err = s.Modes.Train(n.On)
	}
	if err != nil {
		return 0, nil, err
	}
	t, _, leave := s.Modes.Enter()
	defer leave()
	return http.StatusOK, t.Status(), nil
}

// watch follows the till in force; the stream ends when another is, so that no screen shows the sales of one under
// the head of the other.
func (s *Server) watch(r *http.Request) (t *till.Till, watch *till.Watch, ctx context.Context, end func(), err error) {
	t, over, leave := s.Modes.Enter()
	defer leave()
	if watch, err = t.Watch(); err != nil {
		return nil, nil, nil, nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	go func() {
		select {
		case <-over: // never, where there is no training
		case <-ctx.Done():
		}
		cancel()
	}()
	return t, watch, ctx, func() { cancel(); watch.Close() }, nil
}
