package tuidrive_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudcashier/scripts/internal/tuidrive"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, script string) (context.Context, *tuidrive.Screen) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	s, err := tuidrive.Start(exec.Command("/bin/sh", "-c", script), 40, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return ctx, s
}

func TestTheScreen(t *testing.T) {
	ctx, s := start(t, `printf '\033[2J\033[3;5H收款 12.80\033[1mBIG\033[0m\a'; read answer; printf '\033[3;5Hgone      \033[K\a\a<%s>' "$answer"; exit 3`)
	if err := s.Await(ctx, "收款 12.80", "BIG"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(s.Text(), "\n"); len(got) < 3 || got[2] != "    收款 12.80BIG" {
		t.Errorf("the third line of\n%s", s.Text())
	}
	if n := s.Bells(); n != 1 {
		t.Errorf("%d bells", n)
	}
	if err := s.Press("a", "enter"); err != nil {
		t.Fatal(err)
	}
	if err := s.Await(ctx, "<a>"); err != nil {
		t.Fatal(err)
	}
	if err := s.AwaitGone(ctx, "收款"); err != nil {
		t.Error(err)
	}
	if err := s.AwaitBells(ctx, 3); err != nil {
		t.Error(err)
	}
	if err := s.Wait(ctx); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v", err)
	}
	if err := s.Await(ctx, "never"); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(s.Drawn(), "\x1b[1mBIG") {
		t.Errorf("%q", s.Drawn())
	}
}

// TestItAnswers: a program that asks its terminal where the cursor is gets an answer.
func TestItAnswers(t *testing.T) {
	ctx, s := start(t, `stty raw -echo; printf '\033[4;7H\033[6n'; answer=$(dd bs=1 count=6 2>/dev/null | tr -d '\033'); printf 'it said %s' "$answer"`)
	if err := s.Await(ctx, "it said [4;7R"); err != nil {
		t.Error(err)
	}
}

func TestWaitingEnds(t *testing.T) {
	ctx, s := start(t, `read forever`)
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Await(short, "never"); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("%v", err)
	}
}
