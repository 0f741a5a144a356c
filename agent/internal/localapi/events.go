package localapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	api "cloudcashier/shared/localapi"
)

// events streams what changes: the status first, so that the reader knows it misses nothing from
// then on, then every event, and a comment when nothing happens, so that a dead reader shows.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	t, watch, ctx, end, err := s.watch(r)
	if err != nil {
		problem(w, err)
		return
	}
	defer end()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	status := t.Status()
	if s.send(w, out, &api.Event{Kind: api.EventStatus, Status: &status}) != nil {
		return
	}
	for ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, s.beat)
		e, ok := watch.Next(wait)
		cancel()
		next := &e
		if !ok {
			next = nil
		}
		if ctx.Err() == nil && s.send(w, out, next) != nil {
			return
		}
	}
}

// send writes one event, or a heartbeat for nil. A reader that takes nothing within the limit is cut.
func (s *Server) send(w http.ResponseWriter, out *http.ResponseController, e *api.Event) error {
	if err := out.SetWriteDeadline(s.Now().Add(s.limit)); err != nil {
		return err
	}
	text := ": still here\n\n"
	if e != nil {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		text = fmt.Sprintf("event: %s\ndata: %s\n\n", e.Kind, data)
	}
	if _, err := fmt.Fprint(w, text); err != nil {
		return err
	}
	return out.Flush()
}
