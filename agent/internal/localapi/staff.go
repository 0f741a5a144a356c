package localapi

import (
	"context"
	"io"
	"net/http"
	"runtime/debug"

	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
)

// Staff is what store staff ask of a till beside selling.
type Staff interface {
	Day(date string) (api.Day, error)
	Export(date string, w io.Writer) error
	Health(ctx context.Context) api.Health
}

func (s *Server) staffRoutes(handle func(pattern string, h func(*http.Request) (int, any, error))) {
	handle("GET /v1/days/{date}", func(r *http.Request) (int, any, error) {
		day, err := s.Staff.Day(r.PathValue("date"))
		return http.StatusOK, day, err
	})
	handle("GET /v1/health", func(r *http.Request) (int, any, error) {
		return http.StatusOK, s.Staff.Health(r.Context()), nil
	})
}

// export streams. Whoever reads is told by a trailer that the text is whole: a status of 200 says only that it
// has begun. An error before the first byte is a problem like any other.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("request panicked", logs.Kind, r.Method+" "+r.URL.Path, logs.Err, p, "stack", string(debug.Stack()))
		}
	}()
	if !knows(w, r) {
		return
	}
	date, kind := r.URL.Query().Get("day"), "application/x-ndjson"
	if date != "" {
		kind = "text/csv; charset=utf-8"
	}
	out := &slow{s: s, to: w, out: http.NewResponseController(w), kind: kind}
	err := s.Staff.Export(date, out)
	switch {
	case err != nil && !out.begun:
		problem(w, err)
	case err != nil:
		s.Log.Error("export broke off", logs.Kind, r.URL.Path, logs.Err, err)
	default:
		out.begin()
		w.Header().Set(api.ExportWhole, "true")
	}
}

// slow writes to a reader who may take his time, but not for ever: each piece has the time of a request.
type slow struct {
	s     *Server
	to    http.ResponseWriter
	out   *http.ResponseController
	kind  string
	begun bool
}

func (o *slow) begin() {
	if !o.begun {
		o.begun = true
		o.to.Header().Set("Content-Type", o.kind)
		o.to.Header().Set("Trailer", api.ExportWhole)
		o.to.WriteHeader(http.StatusOK)
	}
}

func (o *slow) Write(p []byte) (int, error) {
	o.begin()
	if err := o.out.SetWriteDeadline(o.s.Now().Add(o.s.limit)); err != nil {
		return 0, err
	}
	return o.to.Write(p)
}
