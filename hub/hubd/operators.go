package hubd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
)

// The operators' door is a unix socket in the hub's folder that its owner alone can open. What
// decides goes through it, so that the hub that holds the lease is the one that writes; reading
// needs no door.
const (
	operatorsSocket = "hub.sock"
	maxSunPath      = 107              // bytes in the path of a unix socket, without the closing zero
	operatorsBody   = 16 << 10         // bytes of a request: a note and a name
	operatorsTime   = 10 * time.Second // of a request, all in
)

// Judgement is what an operator decides about an exception.
type Judgement struct {
	By       string `json:"by"`
	Note     string `json:"note"`
	Decision string `json:"decide"`  // "", "retry", "written-off"
	Confirm  string `json:"confirm"` // the word that the first asking gave
}

// Verdict is what it does. Confirm is set when nothing has happened yet: say it again with the word.
type Verdict struct {
	Exception Exception `json:"exception"`
	Confirm   string    `json:"confirm,omitempty"`
}

// problem is an error as it crosses the socket.
type problem struct {
	Kind    fault.Kind `json:"kind"`
	Code    string     `json:"code"`
	Message string     `json:"message"`
}

// listenOperators opens the socket. The folder's lock is held, so one that is there is left over.
func (h *Hub) listenOperators() (net.Listener, error) {
	path := filepath.Join(h.cfg.Data, operatorsSocket)
	if len(path) > maxSunPath {
		h.deps.Log.Warn("operators cannot decide exceptions here: the folder's path is too long for a socket", "path", path, "most", maxSunPath)
		return nil, nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(err, fault.Internal, "hub.socket", "cannot replace %s", path)
	}
	mask := syscall.Umask(0o177) // the mode must be right from the first moment
	l, err := net.Listen("unix", path)
	syscall.Umask(mask)
	return l, fault.Wrap(err, fault.Internal, "hub.socket", "cannot listen at %s", path)
}

// serveOperators answers on the socket until ctx ends.
func (h *Hub) serveOperators(ctx context.Context) error {
	if h.operators == nil {
		<-ctx.Done()
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/exceptions/{id}/resolve", serve(h, h.resolve))
	mux.HandleFunc("POST "+codesMinting, serve(h, h.mint))
	mux.HandleFunc("POST "+channelsPath, serve(h, h.pulses))
	mux.HandleFunc("POST "+profiling, serve(h, func(r *http.Request, o ProfileOrder) (any, error) { return h.profile(ctx, r.Context(), o) }))
	h.operateStored(mux)
	h.operateStaff(mux)
	s := &http.Server{Handler: mux, ReadTimeout: operatorsTime, WriteTimeout: operatorsTime, IdleTimeout: operatorsTime}
	done := make(chan error, 1)
	go func() { done <- s.Serve(h.operators) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), operatorsTime)
	defer cancel()
	err := s.Shutdown(ending)
	<-done
	return err
}

// serve answers one question of an operator's: a body in, what became of it out.
func serve[In any](h *Hub, do func(*http.Request, In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		body := json.NewDecoder(http.MaxBytesReader(w, r.Body, operatorsBody))
		body.DisallowUnknownFields()
		err := fault.Wrap(body.Decode(&in), fault.Invalid, "operator.form", "the request cannot be read: update cashier-hub")
		var answer any
		if err == nil {
			answer, err = do(r, in)
		}
		status := http.StatusOK
		if err != nil {
			h.deps.Log.Warn("an operator was refused", "path", r.URL.Path, "err", err)
			answer, status = problem{fault.KindOf(err), fault.CodeOf(err), fault.MessageOf(err)}, http.StatusConflict
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // whoever asked and left asks again
	}
}

func (h *Hub) resolve(r *http.Request, j Judgement) (any, error) {
	v, err := h.engine.Resolve(r.Context(), engine.Judgement{Exception: r.PathValue("id"), By: j.By, Note: j.Note,
		Decision: payment.Decision(j.Decision), Confirm: j.Confirm})
	return Verdict{Exception: exceptionOf(v.Exception, v.Payment), Confirm: v.Confirm}, err
}

// Resolve has the hub that runs on a folder judge an exception. It is Unavailable when none runs.
func Resolve(ctx context.Context, folder, id string, j Judgement) (v Verdict, err error) {
	return v, operate(ctx, folder, "/v1/exceptions/"+url.PathEscape(id)+"/resolve", j, &v)
}

// operate asks the hub that runs on a folder. It is Unavailable when none runs.
func operate(ctx context.Context, folder, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(folder, operatorsSocket))
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: operatorsTime}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://hub"+path, bytes.NewReader(body))
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "operator.name", "an identifier has signs that none has")
	}
	res, err := client.Do(req)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return fault.Wrap(err, fault.Unavailable, "hub.not_running", "no hub runs on %s: start it, then ask again", folder)
		}
		return fault.Wrap(err, fault.InDoubt, "hub.socket", "the hub did not answer: look at how things stand before you repeat it")
	}
	defer res.Body.Close()
	answer := json.NewDecoder(res.Body)
	if res.StatusCode != http.StatusOK {
		var p problem
		if err := answer.Decode(&p); err != nil || p.Code == "" {
			return fault.New(fault.Internal, "hub.socket", "the hub answered %s: is it of this version?", res.Status)
		}
		return fault.New(p.Kind, p.Code, "%s", p.Message)
	}
	return answer.Decode(out)
}
