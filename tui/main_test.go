package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// asProgram makes the test binary be the program itself, with its real start-up.
const asProgram = "CASHIER_TUI_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(env, asProgram+"=1")
	return cmd
}

func TestRefusesToRunWithoutATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no terminal":   {[]string{"--data", t.TempDir()}, 2, "needs a terminal"},
		"no agent":      {nil, 2, "--data DIR or --socket PATH"},
		"two agents":    {[]string{"--data", "a", "--socket", "b"}, 2, "--data DIR or --socket PATH"},
		"odd language":  {[]string{"--data", "a", "--lang", "fr"}, 2, "use zh or en"},
		"odd argument":  {[]string{"--data", "a", "pay"}, 2, `"pay" is not understood`},
		"unknown flag":  {[]string{"--colour"}, 2, "not defined: -colour"},
		"help":          {[]string{"-h"}, 0, "agent.sock"},
		"language help": {[]string{"--help"}, 0, "zh or en"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := program(t, nil, c.args...)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(errs.String(), c.says) {
				t.Errorf("exit %d: %s", code, errs.String())
			}
			if c.code == 2 && name != "unknown flag" && strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("not one line: %q", errs.String())
			}
		})
	}
}

// scripted is the agent's side of the local API, as far as this test plays it.
type scripted struct {
	mu     sync.Mutex
	sales  []localapi.Sale
	codes  []string
	events chan localapi.Event
}

func (s *scripted) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		answer(w, localapi.Status{Version: "9.9.9", Terminal: "trm_test", Link: "up", LinkSince: time.Now()})
	})
	mux.HandleFunc("GET /v1/sales", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		answer(w, localapi.Sales{Sales: s.sales})
	})
	mux.HandleFunc("POST /v1/sales", func(w http.ResponseWriter, r *http.Request) {
		var n localapi.NewSale
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		sale := localapi.Sale{ID: fmt.Sprintf("sale_%d", len(s.sales)), OrderNo: n.OrderNo, Amount: n.Amount, State: localapi.StateWaiting,
			Outcome: pay.Unknown, Tender: localapi.TenderWallet, CreatedAt: time.Now()}
		if n.Code != "" {
			s.codes = append(s.codes, n.Code)
			sale.State, sale.Wallet = localapi.StateAccepted, pay.Alipay
		}
		s.sales = append([]localapi.Sale{sale}, s.sales...)
		answer(w, sale)
	})
	mux.HandleFunc("POST /v1/sales/{id}/cancel", func(w http.ResponseWriter, r *http.Request) {
		answer(w, s.change(r.PathValue("id"), localapi.StateCancelled))
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case e := <-s.events:
				data, _ := json.Marshal(e)
				fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e.Kind, data)
			}
		}
	})
	return mux
}

func (s *scripted) change(id string, state localapi.State) localapi.Sale {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sales {
		if s.sales[i].ID == id {
			s.sales[i].State, s.sales[i].Outcome = state, state.Outcome()
			return s.sales[i]
		}
	}
	return localapi.Sale{}
}

// serve runs the agent's side on the socket until stop.
func (s *scripted) serve(t *testing.T, socket string) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.handler()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	stop = sync.OnceFunc(func() {
		_ = server.Close()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// terminal is a terminal that shows and never answers a question.
type terminal struct {
	t   *testing.T
	tty *os.File
	raw strings.Builder
	in  *bufio.Reader
}

func (x *terminal) keys(s string) {
	x.t.Helper()
	if _, err := io.WriteString(x.tty, s); err != nil {
		x.t.Fatal(err)
	}
}

// await reads until the words were drawn since the last await. A line that did not change is not
// drawn again, so wait only for what is new.
func (x *terminal) await(words string) {
	x.t.Helper()
	var drawn strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(ansi.Strip(drawn.String()), words) {
		n, err := x.in.Read(buf)
		drawn.Write(buf[:n])
		x.raw.Write(buf[:n])
		if err != nil {
			x.t.Fatalf("%v before %q was drawn:\n%s", err, words, ansi.Strip(x.raw.String()))
		}
	}
}

// TestProgram drives the built program on a mute terminal through a day's worth of trouble.
func TestProgram(t *testing.T) {
	dir, err := os.MkdirTemp("", "tui") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "agent.sock")
	cmd := program(t, []string{"TERM=xterm-256color", "LANG=en_US.UTF-8"}, "--data", dir)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 160})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	x := &terminal{t: t, tty: tty, in: bufio.NewReader(tty)}

	x.await("The agent is not running")
	agent := &scripted{events: make(chan localapi.Event)}
	stop := agent.serve(t, socket)
	x.await("link up since")
	tell := func(id string, state localapi.State) {
		sale := agent.change(id, state)
		agent.events <- localapi.Event{Kind: localapi.EventSale, Sale: &sale}
	}

	x.keys("12.80\r")
	x.await("SCAN the customer's payment code")
	tell("sale_0", localapi.StatePassword)
	x.await("The customer is typing the password")
	tell("sale_0", localapi.StateUnknown)
	x.await("? UNKNOWN")
	tell("sale_0", localapi.StatePaid)
	x.await("✓ PAID")

	x.keys("\r")
	x.await("AMOUNT (yuan)")
	x.keys("\x02" + "2812345678901234\x03\r\n") // a scanner that types, framed by STX and ETX
	x.await("Alipay code read")
	x.keys("5\r")
	x.await("Accepted, asking the wallet")

	stop() // the agent dies while a sale runs
	x.await("the result is not known")
	agent.change("sale_1", localapi.StateDeclined)
	agent.serve(t, socket)
	x.await("✗ NOT PAID")

	x.keys("\x11")
	x.await("Leave the cashier's screen?")
	x.keys("\x11")
	rest, _ := io.ReadAll(x.in) // ends with an error when the other side is closed
	x.raw.Write(rest)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, rest)
	}
	raw := x.raw.String()
	if strings.Contains(raw, "\x1b]11") || strings.Contains(raw, "\x1b[6n") {
		t.Error("the terminal was asked a question; a mute one holds the program for five seconds")
	}
	if strings.Contains(raw, "28123456") || len(agent.codes) != 1 || agent.codes[0] != "2812345678901234" {
		t.Errorf("codes the agent got: %d; or the code was drawn", len(agent.codes))
	}
	if !strings.Contains(raw, "\x1b[?1049l") {
		t.Error("the terminal was not given back")
	}
}

// TestEndsWhenTold proves that a signal gives the terminal back too.
func TestEndsWhenTold(t *testing.T) {
	cmd := program(t, []string{"TERM=linux", "LANG=zh_CN.UTF-8", "NO_COLOR=1"}, "--socket", filepath.Join(t.TempDir(), "none"))
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	x := &terminal{t: t, tty: tty, in: bufio.NewReader(tty)}
	x.await("The agent is not running") // in English: the Linux console has no Chinese
	x.keys("\x03\x1bOQ")                // neither Ctrl+C ...
	x.await("cannot show Chinese")      // ... nor the language key
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(x.in)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, rest)
	}
	if !strings.Contains(string(rest), "\x1b[?1049l") {
		t.Error("the terminal was not given back")
	}
	if strings.Contains(x.raw.String(), "\x1b[3") {
		t.Error("colours in spite of NO_COLOR")
	}
}
