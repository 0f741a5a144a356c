package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/strictjson"
)

// bodyMax is far above any scan and lets a test send a few overlong frames.
const bodyMax = 64 << 10

// door is the control door: HTTP on loopback, so that tests and scripts can move the hardware.
type door struct {
	token    string // who calls must know it; "" on loopback only
	listener net.Listener
	mux      *http.ServeMux
	log      *slog.Logger
}

// scannerDoor is the door of a scanner.
type scannerDoor struct {
	*door
	device *board.Scanner
}

// openDoor listens at addr, which must be on loopback: whoever reaches the door moves the hardware.
func openDoor(addr string, log *slog.Logger) (*door, error) { return openGuardedDoor(addr, "", log) }

// openGuardedDoor does the same for those who know a token, wherever they are; without one, on loopback.
func openGuardedDoor(addr, token string, log *slog.Logger) (*door, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, wrongUse{fmt.Errorf("--control %q: use 127.0.0.1:PORT", addr)}
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); token == "" && (err != nil || !ip.IsLoopback()) {
		return nil, wrongUse{fmt.Errorf("--control %q is not a loopback address: use 127.0.0.1:PORT", addr)}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("open the control door: %w", err)
	}
	return &door{token: token, listener: listener, mux: http.NewServeMux(), log: log}, nil
}

func (d *door) addr() string { return d.listener.Addr().String() }

// openScannerDoor opens the door of a scanner.
func openScannerDoor(addr string, device *board.Scanner, log *slog.Logger) (*scannerDoor, error) {
	plain, err := openDoor(addr, log)
	if err != nil {
		return nil, err
	}
	d := &scannerDoor{plain, device}
	d.routes()
	return d, nil
}

func (d *scannerDoor) routes() {
	d.handle("POST /scan", d.scan)
	d.handle("POST /raw", d.raw)
	d.handle("POST /unplug", func(*http.Request, []byte) (any, error) {
		return d.moved("unplugged", d.device.Unplug())
	})
	d.handle("POST /replug", func(*http.Request, []byte) (any, error) {
		return d.moved("plugged in again", d.device.Replug())
	})
	d.handle("POST /do", func(r *http.Request, body []byte) (any, error) {
		order := strings.TrimPrefix(strings.TrimSpace(string(body)), "!")
		return d.moved("moved", move(r.Context(), d.device, d.log, order))
	})
	d.handle("GET /state", func(*http.Request, []byte) (any, error) { return d.device.State(), nil })
}

func (d *door) handle(pattern string, work func(r *http.Request, body []byte) (any, error)) {
	d.mux.HandleFunc(pattern, d.answer(work))
}

// run serves until ctx ends.
func (d *door) run(ctx context.Context) error {
	server := &http.Server{
		Handler:           http.NewCrossOriginProtection().Handler(d.guard(d.mux)), // no web page moves the hardware
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(d.listener) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		// A slow scan is cut off by the unplug that follows; answers under way get a second.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
		err = <-served
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control door: %w", err)
}

// answer reads the body, does the work, and writes its result or its error as JSON.
func (d *door) answer(work func(r *http.Request, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var result any
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
		if err != nil {
			err = fault.Wrap(err, fault.Invalid, "control.body", "the body does not arrive or is longer than %d bytes", bodyMax)
		} else {
			result, err = work(r, body)
		}
		status := http.StatusOK
		if err != nil {
			status = statusOf(err)
			result = map[string]string{"error": fault.MessageOf(err), "code": fault.CodeOf(err)}
			d.log.Warn("control refused", logs.Kind, fault.KindOf(err).String(), logs.Err, err)
		}
		if raw, ok := result.(content); ok {
			w.Header().Set("Content-Type", raw.mediaType)
			_, _ = w.Write(raw.body) // likewise
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(result) // the client has gone; nobody is left to tell
	}
}

// content is an answer that is no JSON.
type content struct {
	mediaType string
	body      []byte
}

func statusOf(err error) int {
	switch fault.KindOf(err) {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// scanned answers POST /scan and POST /raw; codes are masked.
type scanned struct {
	Scanned int      `json:"scanned"`
	Codes   []string `json:"codes,omitempty"`
}

func (d *scannerDoor) scan(r *http.Request, body []byte) (any, error) {
	groups, err := parseScan(r.Header.Get("Content-Type"), body)
	if err != nil {
		return nil, err
	}
	var done scanned
	for _, codes := range groups {
		if err := scan(d.device, d.log, codes...); err != nil {
			return nil, err
		}
		done.Scanned += len(codes)
		done.Codes = append(done.Codes, masks(codes)...)
	}
	return done, nil
}

func (d *scannerDoor) raw(_ *http.Request, body []byte) (any, error) {
	if err := d.device.Write(body); err != nil {
		return nil, err
	}
	d.log.Info("raw bytes sent", "bytes", len(body))
	return map[string]int{"bytes": len(body)}, nil
}

func (d *scannerDoor) moved(message string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	d.log.Info("scanner "+message, "scanner", d.device.State().Link)
	return d.device.State(), nil
}

// parseScan finds the codes of a body: groups of codes, each group sent in one go. JSON is told by
// its type, or by its brace where the client named another type, as curl does.
func parseScan(contentType string, body []byte) (groups [][]string, err error) {
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(contentType, "application/json") ||
		!strings.HasPrefix(contentType, "text/") && strings.HasPrefix(text, "{") {
		var request struct {
			Code  string   `json:"code"`
			Codes []string `json:"codes"`
		}
		if err := strictjson.Decode([]byte(text), &request); err != nil {
			return nil, err
		}
		if (request.Code == "") == (len(request.Codes) == 0) {
			return nil, fault.New(fault.Invalid, "control.code", `nothing to scan, or both: send {"code":"..."} or {"codes":["...","..."]}`)
		}
		if request.Code != "" {
			request.Codes = []string{request.Code}
		}
		return [][]string{request.Codes}, nil
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			groups = append(groups, []string{line})
		}
	}
	if len(groups) == 0 {
		return nil, fault.New(fault.Invalid, "control.code", "nothing to scan: send a code")
	}
	return groups, nil
}
