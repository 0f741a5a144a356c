package watchdog_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/agent/internal/pulse"
	"cloudcashier/agent/internal/watchdog"
)

// quiet is where the log goes.
var quiet = slog.New(slog.DiscardHandler)

// ear hears what the service manager is told.
type ear struct {
	mu   sync.Mutex
	told []string
}

func (e *ear) notify(state string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, state)
	return nil
}

// heard is all that was told.
func (e *ear) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.told)
}

// since counts the beats from place on.
func (e *ear) since(place int) (beats int) {
	for _, s := range e.heard()[place:] {
		if strings.Contains(s, "WATCHDOG=1") {
			beats++
		}
	}
	return beats
}

const every = 5 * time.Second

// loop is a part that turns until it is told to hang.
type loop struct {
	pulse.Pulse
	hang, wake chan struct{}
}

func turning(ctx context.Context) loop {
	l := loop{pulse.New(), make(chan struct{}), make(chan struct{})}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-l.Pulse:
			case <-l.hang:
				<-l.wake
			}
		}
	}()
	return l
}

func TestOneSilentPartStarvesIt(t *testing.T) {
	for _, victim := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			parts, stopParts := context.WithCancel(t.Context())
			defer stopParts()
			loops := []loop{turning(parts), turning(parts), turning(parts)}
			var e ear
			w := watchdog.New(quiet, e.notify, every, watchdog.Part{Name: "journal", Ask: loops[0].Ask},
				watchdog.Part{Name: "till", Ask: loops[1].Ask}, watchdog.Part{Name: "link", Ask: loops[2].Ask})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- w.Run(ctx) }()

			time.Sleep(10*every + time.Second)
			synctest.Wait()
			if !strings.HasPrefix(e.heard()[0], "READY=1") {
				t.Errorf("heard %q first, want READY=1", e.heard()[0])
			}
			if got := e.since(0); got != 11 {
				t.Errorf("%d beats in ten rounds and the first one, want 11", got)
			}
			loops[victim].hang <- struct{}{}
			place := len(e.heard())
			time.Sleep(100 * every)
			synctest.Wait()
			if got := e.since(place); got != 0 {
				t.Errorf("%d beats while a part hangs, want none", got)
			}
			name := []string{"journal", "till", "link"}[victim]
			if got := e.heard()[place:]; !slices.Equal(got, []string{"STATUS=does not answer: " + name}) {
				t.Errorf("while %s hangs the service manager heard %q", name, got)
			}
			close(loops[victim].wake)
			time.Sleep(10 * every)
			synctest.Wait()
			if got := e.since(place); got < 9 {
				t.Errorf("%d beats in ten rounds after the part woke up", got)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if last := e.heard()[len(e.heard())-1]; last != "STOPPING=1" {
				t.Errorf("the last word is %q, want STOPPING=1", last)
			}
		})
	}
}

func TestNotReadyBeforeAllHaveAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ear
		late := errors.New("not yet")
		asked := 0
		w := watchdog.New(quiet, e.notify, every, watchdog.Part{Name: "local API", Ask: func(context.Context) error {
			if asked++; asked < 4 {
				return late
			}
			return nil
		}})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.Run(ctx) }()
		time.Sleep(2*every + time.Second)
		synctest.Wait()
		if e.since(0) != 0 || !slices.Equal(e.heard(), []string{"STATUS=does not answer: local API"}) {
			t.Errorf("heard %q of a till whose API does not answer", e.heard())
		}
		time.Sleep(every)
		synctest.Wait()
		if !strings.HasPrefix(e.heard()[len(e.heard())-1], "READY=1") {
			t.Errorf("heard %q, want READY=1 once it answers", e.heard())
		}
		stop()
		synctest.Wait()
	})
}

// A part whose question cannot be called off, as one to the journal's writer, is not asked a second time.
func TestOneQuestionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e ear
		var asked atomic.Int32
		release := make(chan struct{})
		w := watchdog.New(quiet, e.notify, every, watchdog.Part{Name: "journal", Ask: func(context.Context) error {
			asked.Add(1)
			<-release
			return nil
		}})
		ctx, stop := context.WithCancel(t.Context())
		go func() { _ = w.Run(ctx) }()
		time.Sleep(50 * every)
		synctest.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("a part that hangs was asked %d times", n)
		}
		stop()
		close(release)
		synctest.Wait()
	})
}

func TestSystemdsEnvironment(t *testing.T) {
	if _, _, ok := systemd(t, "", "", ""); ok {
		t.Error("without a service manager there is one")
	}
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	notify, got, ok := systemd(t, path, "20000000", "")
	if !ok || got != every {
		t.Errorf("WATCHDOG_USEC of 20 s: a round every %v, %v; want %v", got, ok, every)
	}
	if err := notify("READY=1"); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 64)
	for _, want := range []string{"STATUS=starting", "READY=1"} {
		n, err := socket.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("the service manager read %q, %v; want %q", buf[:n], err, want)
		}
	}
	if _, got, ok := systemd(t, path, "20000000", "1"); !ok || got <= every {
		t.Errorf("the watchdog of another process: a round every %v, %v", got, ok)
	}
	if _, _, ok := systemd(t, path+".none", "", ""); ok {
		t.Error("a socket that is not there listens")
	}
}

func systemd(t *testing.T, socket, usec, pid string) (func(string) error, time.Duration, bool) {
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", usec)
	t.Setenv("WATCHDOG_PID", pid)
	return watchdog.Systemd(quiet)
}
