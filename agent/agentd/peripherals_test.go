package agentd_test

import (
	"context"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/agentd"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/firmware-sim/speaker"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// counter is a till with every device on its counter, all pretended.
type counter struct {
	t       *testing.T
	dir     string
	config  agentd.Config
	scanner *board.Scanner
	printer *board.Printer
	display *board.Display
	speaker *speaker.Speaker
	client  *api.Client
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	dev := t.TempDir()
	c := &counter{t: t, dir: activated(t)}
	link := func(name string) string { return filepath.Join(dev, name) }
	var err error
	if c.scanner, err = board.NewScanner(link("scanner0"), board.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.scanner.Close() })
	if c.printer, err = board.NewPrinter(link("printer0"), board.PrinterOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.printer.Close() })
	if c.display, err = board.NewDisplay(link("display0"), "cd5220"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.display.Close() })
	const secret = "the secret of this test"
	c.speaker = speaker.New([]byte(secret), time.Now, nil)
	server := httptest.NewServer(c.speaker)
	t.Cleanup(server.Close)
	if err := os.WriteFile(link("key"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	c.config = agentd.Config{Dir: c.dir, Scanners: []string{filepath.Join(dev, "*0")}, // a pattern that would take all of them
		Printer: agentd.Printer{Path: link("printer0"), Baud: 115200, Drawer: true, Title: "兴隆小卖部"},
		Display: agentd.Display{Path: link("display0"), Profile: "cd5220-gb"},
		Voice:   agentd.Voice{Speaker: server.URL, KeyFile: link("key")}}
	return c
}

// open runs the agent until the test ends.
func (c *counter) open() {
	c.t.Helper()
	log := &lines{ready: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- agentd.Run(ctx, c.config, world(log)) }()
	select {
	case <-log.ready:
	case err := <-ended:
		cancel()
		c.t.Fatalf("the agent ended: %v\n%s", err, log)
	}
	c.client = api.NewClient(filepath.Join(c.dir, "agent.sock"))
	c.t.Cleanup(func() {
		c.client.Close()
		cancel()
		if err := <-ended; err != nil {
			c.t.Errorf("the agent ended with %v", err)
		}
	})
}

// until waits for a status.
func (c *counter) until(what string, wanted func(api.Status) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	found := false
	_ = c.client.Events(ctx, func(e api.Event) {
		if e.Status != nil && wanted(*e.Status) {
			found = true
			cancel()
		}
	})
	if !found {
		c.t.Fatalf("never %s", what)
	}
}

func (c *counter) shows(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	if !c.display.Await(ctx, func(s board.DisplayState) bool { return s.Shows(text) }) {
		c.t.Fatalf("the customer never sees %q: %+v", text, c.display.State())
	}
}

// TestTheCounter: every device comes up beside the others, shows what it is for, and takes its test.
func TestTheCounter(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.until("everything is there", func(s api.Status) bool {
		return s.Printer.State == api.PrinterReady && s.Display.State == api.DisplayReady && s.Voice.State == api.VoiceReady &&
			len(s.Scanners) == 1 && s.Scanners[0].Connected
	})
	c.shows("兴隆小卖部")
	ctx := t.Context()
	for _, part := range []string{api.PartScanner, api.PartPrinter, api.PartDrawer, api.PartDisplay, api.PartVoice} {
		if r, err := c.client.SelfTest(ctx, part); err != nil || !r.OK || r.Part != part || r.Message == "" {
			t.Errorf("%s: %+v, %v", part, r, err)
		}
	}
	wait, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c.printer.Await(wait, func(s board.PrinterState) bool { return s.Pulses > 0 })
	paper := c.printer.State()
	if len(paper.Slips) != 1 || !strings.Contains(paper.Slips[0], "测试 TEST") || paper.Pulses != 1 || len(paper.Complaints) > 0 {
		t.Errorf("%+v", paper)
	}
	c.shows("测试 TEST")
	if spoken := c.speaker.State().Spoken; len(spoken) != 1 || !strings.HasPrefix(spoken[0].Text, "测试") {
		t.Errorf("%+v", spoken)
	}
	if _, err := c.client.SelfTest(ctx, "toaster"); fault.CodeOf(err) != "self_test.part" {
		t.Error(err)
	}
	if _, err := c.client.NewSale(ctx, api.NewSale{Amount: 1280}); err != nil {
		t.Fatal(err)
	}
	c.shows("请付款")
	c.shows("12.80")
	if r, err := c.client.SelfTest(ctx, api.PartDisplay); err != nil || r.OK || !strings.Contains(r.Message, "sale") {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.client.NewSale(ctx, api.NewSale{Amount: 990, Tender: api.TenderCash}); err != nil {
		t.Fatal(err)
	}
	c.shows("已付款")
	if spoken := c.speaker.State().Spoken; len(spoken) != 1 {
		t.Errorf("cash is announced: %+v", spoken)
	}
	wantChecks(t, c.dir, map[string]agentd.Verdict{"display " + c.config.Display.Path: agentd.OK, "voice": agentd.OK})
	var journal strings.Builder
	if err := agentd.Export(c.dir, &journal); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(journal.String(), `"drawer.tested"`); n != 1 {
		t.Errorf("%d tests of the drawer in the journal", n)
	}
}

// TestDevicesInTrouble: a display that takes nothing, a printer without paper and a speaker without power
// hold up no sale, and are told.
func TestDevicesInTrouble(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.until("the display is there", func(s api.Status) bool { return s.Display.State == api.DisplayReady })
	ctx := t.Context()
	c.display.Stick(true)
	c.speaker.Plug(false)
	c.printer.PaperAfter(0)
	for n := range 200 { // more pictures than the line holds
		if s, err := c.client.NewSale(ctx, api.NewSale{Amount: int64(1000 + n), Tender: api.TenderCash}); err != nil || s.State != api.StatePaid {
			t.Fatalf("sale %d: %+v, %v", n, s, err)
		}
		if s, err := c.client.Status(ctx); err != nil || s.Display.State == api.DisplayStuck {
			break
		}
	}
	c.until("the paper is out", func(s api.Status) bool { return s.Printer.State == api.PrinterPaperOut })
	if r, err := c.client.SelfTest(ctx, api.PartVoice); err != nil || r.OK || !strings.Contains(r.Message, "speaker") {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.client.SelfTest(ctx, api.PartPrinter); err != nil || r.OK {
		t.Errorf("%+v, %v", r, err)
	}
	if err := c.display.Unplug(); err != nil {
		t.Fatal(err)
	}
	c.until("the display is gone", func(s api.Status) bool { return s.Display.State == api.DisplayAbsent })
	if r, err := c.client.SelfTest(ctx, api.PartDisplay); err != nil || r.OK || !strings.Contains(r.Message, "plug") {
		t.Errorf("%+v, %v", r, err)
	}
	wantChecks(t, c.dir, map[string]agentd.Verdict{"display " + c.config.Display.Path: agentd.Warn, "voice": agentd.Warn})
	c.display.Stick(false)
	if err := c.display.Replug(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.client.NewSale(ctx, api.NewSale{Amount: 777}); err != nil {
		t.Fatal(err)
	}
	c.shows("7.77")
}

func TestATillWithoutAnything(t *testing.T) {
	dir := activated(t)
	client, _, stop := start(t, dir)
	defer stop()
	if s, err := client.Status(t.Context()); err != nil || s.Display != nil || s.Voice != nil {
		t.Errorf("%+v, %v", s, err)
	}
	for _, part := range []string{api.PartScanner, api.PartPrinter, api.PartDrawer, api.PartDisplay, api.PartVoice} {
		if r, err := client.SelfTest(t.Context(), part); err != nil || r.OK || !strings.Contains(r.Message, "start the agent with") {
			t.Errorf("%s: %+v, %v", part, r, err)
		}
	}
	for want, c := range map[string]agentd.Config{"display.profile": {Display: agentd.Display{Profile: "utc"}}, "voice.player": {Voice: agentd.Voice{Player: "aplay"}},
		"voice.key": {Voice: agentd.Voice{Speaker: "http://127.0.0.1:1", KeyFile: "/nowhere"}}} {
		c.Dir = activated(t)
		if err := agentd.Run(t.Context(), c, world(io.Discard)); fault.CodeOf(err) != want {
			t.Errorf("%s: %v", want, err)
		}
	}
}
