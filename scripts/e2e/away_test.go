package e2e

import (
	"syscall"
	"testing"
	"time"
)

// TestTheScreenNeverBlocks: with the hub gone, and with an agent that is there and answers nothing, keys still
// echo, and the screen says what is wrong; when they are back it goes on.
func TestTheScreenNeverBlocks(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	w := openScreen(t, ctx, r, l, till)
	w.sees("link up since")

	l.Process.Kill()
	w.sees("OFFLINE since")
	w.keys("5", "enter")
	w.sees("SCAN the customer's payment code")
	w.keys("esc")
	w.sees("NOT PAID")
	w.keys("enter")
	w.sees("AMOUNT")

	if err := till.Agent.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.sees("does not answer")
	w.keys("f2")
	w.sees("收银程序没有应答")
	w.keys("f12")
	w.sees("店员菜单")
	w.keys("3")
	w.sees("收银程序没有应答") // the day cannot be had, and the screen says so
	if err := till.Agent.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.keys("f5")
	w.sees("净额")
}
