package display_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudcashier/agent/internal/display"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/serialline"
	"cloudcashier/agent/internal/store"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; only a failing test uses it up.
const patience = 20 * time.Second

// rig is a journal, a pretended display, and a driver between them.
type rig struct {
	t      *testing.T
	link   string
	store  *store.Store
	board  *board.Display
	config display.Config
	linger time.Duration
	sales  int

	mu      sync.Mutex
	log     bytes.Buffer
	offset  time.Duration
	told    localapi.Display
	changed chan struct{}
}

func newRig(t *testing.T, profile string) *rig {
	t.Helper()
	dir := t.TempDir()
	x := &rig{t: t, link: filepath.Join(dir, "display0"), linger: time.Hour, changed: make(chan struct{}, 1)}
	x.config = display.Config{Path: x.link, Profile: profile, Title: title}
	var err error
	if x.store, err = store.Open(filepath.Join(dir, store.FileName), rand.Reader); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.store.Close() })
	if x.board, err = board.NewDisplay(x.link, setOf(profile)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.board.Close() })
	return x
}

func (x *rig) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.log.Write(p)
}

func (x *rig) now() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return time.Now().Add(x.offset)
}

func (x *rig) run() (d *display.Display, stop func()) {
	x.t.Helper()
	d, err := display.New(x.config, display.Deps{Now: x.now, Journal: x.store, Claims: serialline.NewClaims(),
		Log: slog.New(slog.NewTextHandler(x, nil)), Changed: func(s localapi.Display) {
			x.mu.Lock()
			x.told = s
			x.mu.Unlock()
			select {
			case x.changed <- struct{}{}:
			default:
			}
		}})
	if err != nil {
		x.t.Fatal(err)
	}
	d.Hurry(x.linger)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			x.t.Errorf("the driver ended: %v", err)
		}
	})
	x.t.Cleanup(stop)
	return d, stop
}

// sees waits until the customer does.
func (x *rig) sees(text string) {
	x.t.Helper()
	x.until("shows "+text, func(s board.DisplayState) bool { return s.Shows(text) })
}

func (x *rig) until(what string, wanted func(board.DisplayState) bool) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !x.board.Await(ctx, wanted) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.t.Fatalf("never %s: %+v\n%s", what, x.board.State(), x.log.String())
	}
}

// stands waits until the driver says that the display is so.
func (x *rig) stands(d *display.Display, state localapi.DisplayState) {
	x.t.Helper()
	deadline := time.After(patience)
	for d.State().State != state {
		select {
		case <-x.changed:
		case <-deadline:
			x.t.Fatalf("never %s: %+v", state, d.State())
		}
	}
}

// begin stores a sale that waits for a scan, and step what happens to it.
func (x *rig) begin(fen int64) (row store.Row) {
	x.t.Helper()
	x.sales++
	id := fmt.Sprintf("sale_01KB000000000000000000%06d", x.sales)
	x.must(x.store.Update(func(tx *store.Tx) (err error) {
		row, err = tx.Insert(sale.New(id, id, "", money.Fen(fen), x.now()), x.now())
		return err
	}))
	return row
}

func (x *rig) step(row store.Row, e sale.Event) store.Row {
	x.t.Helper()
	x.must(x.store.Update(func(tx *store.Tx) error {
		after, err := sale.Default.Step(row.Sale, sale.News{Event: e, Wallet: pay.WeChat, PaymentID: "pay_" + row.ID, Amount: row.Amount.Fen(), WalletRef: "1"}, x.now())
		if err != nil {
			return err
		}
		row, err = tx.Change(row, after, e, x.now())
		return err
	}))
	return row
}

func (x *rig) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *rig) clean() {
	x.t.Helper()
	if s := x.board.State(); len(s.Complaints) > 0 {
		x.t.Errorf("the display complains: %q", s.Complaints)
	}
}

// TestASale walks through one, on every profile.
func TestASale(t *testing.T) {
	for _, p := range display.Profiles {
		t.Run(p.Name, func(t *testing.T) {
			x := newRig(t, p.Name)
			d, _ := x.run()
			x.stands(d, localapi.DisplayReady)
			words := map[string][3]string{"led8": {"total", "total", "received"}, "cd5220": {"PLEASE PAY", "ENTER PASSWORD", "PAID"}}[setOf(p.Name)]
			if p.Chinese {
				words = [3]string{"请付款", "请输入密码", "已付款"}
			} else if p.Columns > 0 {
				words = [3]string{"PLEASE PAY", "ENTER PASSWORD", "PAID"}
			}
			row := x.begin(1280)
			d.Look()
			x.sees("12.80")
			x.sees(words[0])
			row = x.step(row, sale.Scan)
			row = x.step(row, sale.Accepted)
			row = x.step(row, sale.Password)
			d.Look()
			x.sees(words[1])
			if x.board.State().Showed(words[2]) {
				t.Errorf("%q before it was paid: %q", words[2], x.board.State().Screens)
			}
			x.step(row, sale.Approved)
			d.Look()
			x.sees(words[2])
			x.sees("12.80")
			x.clean()
			if s := x.board.State(); s.Baud != p.Baud {
				t.Errorf("%d baud, want %d", s.Baud, p.Baud)
			}
		})
	}
}

// TestTheEndGivesWay: PAID stands for a while, and the next customer is told what is due at once.
func TestTheEndGivesWay(t *testing.T) {
	x := newRig(t, "cd5220-gb")
	x.linger = 300 * time.Millisecond
	d, _ := x.run()
	x.stands(d, localapi.DisplayReady)
	x.step(x.step(x.begin(1280), sale.Scan), sale.Approved)
	d.Look()
	x.sees("已付款")
	x.sees(title)
	x.sees("欢迎光临")
	next := x.begin(500)
	d.Look()
	x.sees("5.00")
	x.step(x.step(next, sale.Scan), sale.Declined)
	d.Look()
	x.sees("未付款")
	x.until("idle again", func(s board.DisplayState) bool { return s.Shows("欢迎光临") && !s.Shows("未付款") })
	x.clean()
}

// TestOnlyTheNewestSale: a result that comes for an earlier customer is none of the next one's business.
func TestOnlyTheNewestSale(t *testing.T) {
	x := newRig(t, "escpos")
	d, _ := x.run()
	x.stands(d, localapi.DisplayReady)
	earlier := x.step(x.step(x.begin(9900), sale.Scan), sale.Accepted)
	x.begin(500)
	d.Look()
	x.sees("5.00")
	x.step(earlier, sale.Approved)
	d.Look()
	x.begin(600)
	d.Look()
	x.sees("6.00")
	if s := x.board.State(); s.Showed("PAID") {
		t.Errorf("%q", s.Screens)
	}
}

// TestUnplugged: selling goes on, and what ended meanwhile is not shown to whoever stands there later.
func TestUnplugged(t *testing.T) {
	x := newRig(t, "cd5220")
	d, stop := x.run()
	x.stands(d, localapi.DisplayReady)
	x.must(x.board.Unplug())
	x.stands(d, localapi.DisplayAbsent)
	x.step(x.step(x.begin(1280), sale.Scan), sale.Approved)
	d.Look()
	x.seen(d)
	x.mu.Lock()
	x.offset = 2 * time.Hour
	x.mu.Unlock()
	x.must(x.board.Replug())
	x.stands(d, localapi.DisplayReady)
	x.sees("WELCOME")
	x.begin(500)
	d.Look()
	x.sees("5.00")
	if s := x.board.State(); s.Showed("PAID") {
		t.Errorf("an hour later: %q", s.Screens)
	}
	stop()
	x.step(x.step(x.begin(700), sale.Scan), sale.Approved) // while nothing runs
	d, _ = x.run()
	x.stands(d, localapi.DisplayReady)
	x.sees("WELCOME")
	if s := x.board.State(); s.Showed("PAID") {
		t.Errorf("after a restart: %q", s.Screens)
	}
	x.clean()
}

// seen waits until the driver has looked at the journal, by a test that only a driver at rest answers.
func (x *rig) seen(d *display.Display) {
	x.t.Helper()
	for range 3 { // the mailbox is of one: the driver takes it before, or between, these
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := d.Test(ctx); fault.CodeOf(err) != "display.away" {
			x.t.Fatalf("%v", err)
		}
		cancel()
	}
}

// TestADisplayThatHangs costs nobody anything: looking never waits, and when it goes on it shows the newest.
func TestADisplayThatHangs(t *testing.T) {
	x := newRig(t, "cd5220")
	d, _ := x.run()
	x.stands(d, localapi.DisplayReady)
	x.board.Stick(true)
	x.fill()
	for fen, deadline := int64(100), time.Now().Add(patience); d.State().State != localapi.DisplayStuck; fen++ { // the kernel may have made room since
		if time.Now().After(deadline) {
			t.Fatalf("never stuck: %+v", d.State())
		}
		x.begin(fen) // another picture each time
		d.Look()
	}
	for fen := range int64(200) {
		x.begin(1000 + fen)
		d.Look()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := d.Test(ctx); err == nil {
		t.Error("a test of a display that hangs")
	}
	x.board.Stick(false)
	x.sees("11.99")
	x.stands(d, localapi.DisplayReady)
	x.clean()
}

// fill puts so much on the line that it takes nothing more.
func (x *rig) fill() {
	x.t.Helper()
	fd, err := syscall.Open(x.link, syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	x.must(err)
	defer syscall.Close(fd)
	blanks := bytes.Repeat([]byte{0x0c}, 512)
	for again := 0; again < 5; {
		if _, err := syscall.Write(fd, blanks); err == syscall.EAGAIN {
			again++
			blanks = blanks[:1]
		} else {
			x.must(err)
		}
	}
}

func TestTheTestPattern(t *testing.T) {
	x := newRig(t, "led8")
	x.linger = time.Second
	d, _ := x.run()
	x.stands(d, localapi.DisplayReady)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	x.must(d.Test(ctx))
	x.until("showed the pattern", func(s board.DisplayState) bool { return s.Showed("88888888") })
	x.until("idle again", func(s board.DisplayState) bool { return !s.Shows("88888888") })
	x.begin(100)
	d.Look()
	x.sees("1.00")
	if err := d.Test(ctx); fault.CodeOf(err) != "display.busy" {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for want, c := range map[string]display.Config{"display.profile": {Profile: "utc"}, "display.path": {Path: "["}, "display.baud": {Baud: -1}} {
		if _, err := display.New(c, display.Deps{}); fault.CodeOf(err) != want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
