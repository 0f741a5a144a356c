package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"

	"cloudcashier/shared/localapi"
)

// odd starts the program on a terminal of a kind and a size, before a scripted agent.
func odd(t *testing.T, env []string, rows, cols uint16, args ...string) (x *terminal, agent *scripted, cmd *exec.Cmd, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tui") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	agent = &scripted{events: make(chan localapi.Event)}
	agent.serve(t, filepath.Join(dir, "agent.sock"))
	cmd = program(t, env, append([]string{"--data", dir}, args...)...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: rows, Cols: cols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return &terminal{t: t, tty: tty, in: bufio.NewReader(tty)}, agent, cmd, dir
}

// leave ends the program by its front door and gives what was drawn meanwhile.
func (x *terminal) leave(cmd *exec.Cmd) {
	x.t.Helper()
	x.keys("\x11\x11")
	rest, _ := io.ReadAll(x.in)
	x.raw.Write(rest)
	if err := cmd.Wait(); err != nil {
		x.t.Errorf("%v\n%s", err, rest)
	}
	if !strings.Contains(x.raw.String(), "\x1b[?1049l") {
		x.t.Error("the terminal was not given back")
	}
}

// TestAMuteTerminal types before anything is drawn: a program that first waits for an answer of the terminal
// eats these keys.
func TestAMuteTerminal(t *testing.T) {
	for _, kind := range []string{"xterm-256color", "linux", "vt220", "screen", "dumb"} {
		t.Run(kind, func(t *testing.T) {
			x, _, cmd, _ := odd(t, []string{"TERM=" + kind, "LANG=en_US.UTF-8"}, 24, 80)
			x.await("AMOUNT")
			x.keys("7")
			x.keys("\r")
			x.await("SCAN the customer's payment code")
			if raw := x.raw.String(); strings.Contains(raw, "\x1b]11") || strings.Contains(raw, "\x1b[6n") {
				t.Error("the terminal was asked a question")
			}
			x.keys("\x1b")
			x.await("NOT PAID")
			x.leave(cmd)
		})
	}
}

var styled = regexp.MustCompile("\x1b\\[[0-9;]+m")

// TestWhatATerminalCannotShow proves on the real program what each kind of terminal is spared.
func TestWhatATerminalCannotShow(t *testing.T) {
	for name, c := range map[string]struct {
		env     []string
		await   string
		lacks   string
		colours bool
		styles  bool
	}{
		"a Chinese terminal": {[]string{"TERM=xterm", "LANG=zh_CN.UTF-8"}, "收款金额", "", true, true},
		"the console":        {[]string{"TERM=linux", "LANG=zh_CN.UTF-8"}, "AMOUNT", "收", true, true},
		"no colour":          {[]string{"TERM=xterm", "LANG=zh_CN.UTF-8", "NO_COLOR=1"}, "收款金额", "", false, true},
		"dumb":               {[]string{"TERM=dumb", "LANG=en_US.UTF-8"}, "AMOUNT", "收", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			x, _, cmd, _ := odd(t, c.env, 24, 80)
			x.await(c.await)
			x.keys("0\r") // what is wrong with it is told in the colour of a notice
			x.await(map[bool]string{true: "金额不对", false: "This is no amount"}[c.await != "AMOUNT"])
			x.leave(cmd)
			raw := x.raw.String()
			if c.lacks != "" && strings.Contains(raw, c.lacks) {
				t.Errorf("%q was drawn", c.lacks)
			}
			if c.lacks != "" && name == "the console" && strings.ContainsAny(raw, "✓✗¥") {
				t.Error("a sign that the console's font lacks")
			}
			colours := strings.Contains(raw, ";33") || strings.Contains(raw, "[33")
			if colours != c.colours {
				t.Errorf("colours: %t", colours)
			}
			if got := styled.MatchString(raw); got != c.styles {
				t.Errorf("styles: %t", got)
			}
		})
	}
}

// TestWidthsUnderAChineseLocale compares what the program draws with the widths of a Western locale: signs whose
// width depends on it would shift the right part of a line.
func TestWidthsUnderAChineseLocale(t *testing.T) {
	views := map[string]string{}
	for _, lang := range []string{"zh_CN.UTF-8", "en_US.UTF-8"} {
		x, _, cmd, _ := odd(t, []string{"TERM=xterm", "LANG=" + lang, "LC_ALL=" + lang}, 24, 80, "--lang", "zh")
		x.await("收款金额")
		x.leave(cmd)
		for _, line := range strings.Split(ansi.Strip(x.raw.String()), "\r\n") {
			if strings.Contains(line, "最近收款") {
				views[lang] = line
			}
		}
	}
	if views["zh_CN.UTF-8"] == "" || views["zh_CN.UTF-8"] != views["en_US.UTF-8"] {
		t.Errorf("the same line differs by locale:\n%q", views)
	}
}

// TestResizeStorm resizes without a pause, below what can be shown and back.
func TestResizeStorm(t *testing.T) {
	x, _, cmd, _ := odd(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, 24, 80)
	x.await("AMOUNT")
	for i := range 300 {
		size := pty.Winsize{Rows: uint16(1 + i*7%60), Cols: uint16(1 + i*11%200)}
		if err := pty.Setsize(x.tty, &size); err != nil {
			t.Fatal(err)
		}
	}
	if err := pty.Setsize(x.tty, &pty.Winsize{Rows: 10, Cols: 39}); err != nil {
		t.Fatal(err)
	}
	x.await("39x10")
	if err := pty.Setsize(x.tty, &pty.Winsize{Rows: 20, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	x.await("AMOUNT")
	x.keys("5\r")
	x.await("SCAN the customer's")
	x.leave(cmd)
}

// TestATerminalThatStopsReading proves that the agent's stream is read on while nothing can be drawn.
func TestATerminalThatStopsReading(t *testing.T) {
	x, agent, cmd, _ := odd(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, 50, 160)
	x.await("AMOUNT")
	x.keys("12.80\r")
	x.await("SCAN the customer's")
	for i := range 4000 { // each would block for ever when the program did not read
		state := localapi.StateAccepted
		if i%2 == 1 {
			state = localapi.StatePassword
		}
		sale := agent.change("sale_0", state)
		agent.events <- localapi.Event{Kind: localapi.EventSale, Sale: &sale}
	}
	sale := agent.change("sale_0", localapi.StatePaid)
	agent.events <- localapi.Event{Kind: localapi.EventSale, Sale: &sale}
	x.await("PAID")
	x.leave(cmd)
}

// TestSignals proves that the terminal is given back, and that one that is gone ends the program.
func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			x, _, cmd, _ := odd(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, 24, 80)
			x.await("AMOUNT")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(x.in)
			if err := cmd.Wait(); err != nil || !strings.Contains(string(rest), "\x1b[?1049l") {
				t.Errorf("%v: %q", err, rest)
			}
		})
	}
	t.Run("hung up", func(t *testing.T) {
		x, _, cmd, _ := odd(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, 24, 80)
		x.await("AMOUNT")
		_ = x.tty.Close()
		_ = cmd.Wait() // whatever it says: it must end
	})
	t.Run("stopped and continued", func(t *testing.T) {
		x, _, cmd, _ := odd(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, 24, 80)
		x.await("AMOUNT")
		for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
		x.await("AMOUNT") // drawn anew: a shell may have used the terminal
		x.keys("5\r")
		x.await("SCAN the customer's")
		x.leave(cmd)
	})
}

// TestWedges sends what scanners that type send in one write. Those that type at a pace have their tests where
// time can be held (TestArbiter, TestASlowScannerIsNoAmount).
func TestWedges(t *testing.T) {
	const code = "2812345678901234"
	for name, c := range map[string]struct {
		text string
		says string
	}{
		"one write, CR":     {code + "\r", "Alipay code read"},
		"one write, CRLF":   {code + "\r\n", "Alipay code read"},
		"one write, TAB":    {code + "\t", "Alipay code read"},
		"STX and ETX":       {"\x02" + code + "\x03", "Alipay code read"},
		"bracketed paste":   {"\x1b[200~" + code + "\r\x1b[201~", "Alipay code read"},
		"a group separator": {"0106901234567892\x1d10AB\r", "product barcode"},
		"a NUL inside":      {code[:9] + "\x00" + code[9:] + "\r", "read badly"},
		"ESC and a digit":   {code[:9] + "\x1b3" + code[9:] + "\r", "read badly"},
	} {
		t.Run(name, func(t *testing.T) {
			x, agent, cmd, _ := odd(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, 24, 80)
			x.await("AMOUNT")
			x.keys(c.text)
			x.await(c.says)
			x.keys("5\r")
			if strings.HasPrefix(c.says, "Alipay") {
				x.await("Accepted, asking the wallet")
				tell := agent.change("sale_0", localapi.StatePaid)
				agent.events <- localapi.Event{Kind: localapi.EventSale, Sale: &tell}
				x.await("PAID")
			} else {
				x.await("SCAN the customer's")
			}
			x.leave(cmd)
			agent.mu.Lock()
			defer agent.mu.Unlock()
			if len(agent.sales) != 1 || agent.sales[0].Amount != 500 || strings.Contains(x.raw.String(), code[:12]) {
				t.Errorf("%d sales, or the code was drawn: %+v", len(agent.sales), agent.sales)
			}
		})
	}
}

// TestSettingsOnDisk goes through the real program's file.
func TestSettingsOnDisk(t *testing.T) {
	x, _, cmd, dir := odd(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, 24, 80)
	x.await("AMOUNT")
	x.keys("\x1b[24~") // F12
	x.await("SETTINGS")
	x.keys("6")
	x.await("as the system")
	x.keys("\r")
	x.await("设置")
	x.leave(cmd)
	path := filepath.Join(dir, "tui.json")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), `"lang": "zh"`) {
		t.Fatalf("%s, %v", text, err)
	}
	if err := os.WriteFile(path, []byte(`{"lang": "zh"`), 0o600); err != nil {
		t.Fatal(err)
	}
	agent := &scripted{events: make(chan localapi.Event)}
	agent.serve(t, filepath.Join(dir, "other.sock"))
	again := program(t, []string{"TERM=xterm", "LANG=en_US.UTF-8"}, "--socket", filepath.Join(dir, "other.sock"))
	tty, err := pty.StartWithSize(again, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	y := &terminal{t: t, tty: tty, in: bufio.NewReader(tty)}
	y.await("AMOUNT") // on the defaults, in the language of the system
	y.keys("\x1b[24~")
	y.await("SETTINGS")
	y.keys("6")
	y.await("are not used")
	y.leave(again)
	if text, _ := os.ReadFile(path); string(text) != `{"lang": "zh"` {
		t.Error(fmt.Sprint("the damaged file was changed: ", string(text)))
	}
}
