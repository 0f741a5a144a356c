package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"cloudcashier/shared/localapi"
)

// escapes is what draws, beside the words.
var escapes = regexp.MustCompile(`\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Za-z0-9]|[=>])`)

// window is the cashier's screen in a terminal: the real program.
type window struct {
	*testing.T
	tty *os.File
}

// await reads until the pattern was drawn, and gives what it caught.
func (w *window) await(pattern string) []string {
	w.Helper()
	wanted := regexp.MustCompile(pattern)
	var drawn strings.Builder
	buf := make([]byte, 4096)
	for {
		if found := wanted.FindStringSubmatch(escapes.ReplaceAllString(drawn.String(), "")); found != nil {
			return found
		}
		n, err := w.tty.Read(buf)
		drawn.Write(buf[:n])
		if err != nil {
			w.Fatalf("%v before %q was drawn:\n%s", err, pattern, escapes.ReplaceAllString(drawn.String(), ""))
		}
	}
}

func (w *window) keys(s string) {
	w.Helper()
	if _, err := w.tty.WriteString(s); err != nil {
		w.Fatal(err)
	}
}

// TestAShiftOnTheScreen: a day at the real screen before the real agent, from the float to the hand-over.
func TestAShiftOnTheScreen(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 2*time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	screen := filepath.Join(r.Dir, "cashier-tui")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", screen, "cloudcashier/tui").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, screen, "--data", till.Data)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LANG=en_US.UTF-8", "LC_ALL=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	w := &window{t, tty}
	w.await("link up since")
	w.keys("\x1b[24~") // F12
	w.keys(w.await(`(\d)  Shift: open`)[1])
	w.await("Nothing has happened")
	w.keys("o")
	w.await("Float in the drawer")
	w.keys("200\r")
	w.await("Done.")
	if _, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 1280, Tender: localapi.TenderCash}); err != nil {
		t.Fatal(err)
	}
	w.await("sales 1 to 1")
	w.keys("h")
	w.await("COUNT THE DRAWER")
	w.keys("\t")
	w.await("Sum in yuan")
	w.keys("212.30\r")
	w.await("To the safe before")
	w.keys("200\r")
	w.await("Close shift 1")
	w.keys("y")
	w.await("Z REPORT, SHIFT 1")
	z, err := till.Client.Shift(ctx, "1")
	if err != nil || !z.Closed || *z.Difference != -50 || *z.Counted != 1230 || z.Dropped != 20000 {
		t.Errorf("%+v, %v", z, err)
	}
	next, err := till.Client.ReportShift(ctx, localapi.ReportShift{})
	if err != nil || next.Number != 2 || next.Float != 1230 {
		t.Errorf("%+v, %v", next, err)
	}
	w.keys("\x1b[21~") // F10
	w.await("Leave the cashier's screen")
	w.keys("y")
	_, _ = w.tty.Read(make([]byte, 1<<16))
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
