package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// session is how `-scan` finds the screen that is open: a file beside the programs.
type session struct {
	Lab     string `json:"lab"`     // folder
	Scanner string `json:"scanner"` // control address of the pretended counter
}

func sessionFile(bin string) string { return filepath.Join(bin, "run.json") }

// live sets a till up and opens its screen.
func live(ctx context.Context, r *rig.Rig, bin string) error {
	lab, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"))
	if err != nil {
		return err
	}
	till, err := r.Activate(ctx, lab, "till")
	if err != nil {
		return err
	}
	counter, err := till.PlugBoard(ctx)
	if err != nil {
		return err
	}
	if err := till.Open(ctx); err != nil {
		return err
	}
	data, err := json.Marshal(session{Lab: lab.Data, Scanner: strings.TrimPrefix(counter.Control, "http://")})
	if err != nil {
		return err
	}
	if err := os.WriteFile(sessionFile(bin), data, 0o600); err != nil {
		return fmt.Errorf("write the session's file: %w", err)
	}
	defer os.Remove(sessionFile(bin))
	fmt.Printf(`A till is open. Play its customers from a second terminal, in this folder:

  make scan                          a WeChat customer shows a code and it is scanned
  make scan WALLET=alipay FATE=53    an Alipay customer who must type the password
                                     (FATE: last two digits of the code; README has the table)

Its counter is pretended: scanner, receipt printer with a drawer, customer display, speaker.
Receipts (PNG):  %s
What happens:    tail -f %s
Trouble:         printf 'paper out' | curl --data-binary @- %s/script      (more: bin/firmware-sim board --help)

Portal: %s  user %s  password %s  (its certificate is the lab's own: %s)
The screen: type an amount, Enter, then scan. F10 and Ctrl+Q leave; everything is cleaned up.

Enter opens the screen. `, counter.Slips, r.Running("till-board").Log, counter.Control, lab.Portal, lab.PortalUser, lab.PortalPassword, lab.CA)
	if err := enter(ctx); err != nil {
		return nil // left before it was opened
	}
	cmd := exec.CommandContext(ctx, r.Program("cashier-tui"), "--data", till.Data)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the screen: %w", err)
	}
	return nil
}

// enter waits for the Enter key, or for the end.
func enter(ctx context.Context) error {
	pressed := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		pressed <- err
	}()
	select {
	case err := <-pressed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// customer shows a payment code to the open till's scanner.
func customer(ctx context.Context, bin, wallet, fate string) error {
	data, err := os.ReadFile(sessionFile(bin))
	if err != nil {
		return fmt.Errorf("no till is open: run make run in another terminal first")
	}
	var s session
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("read %s: %w", sessionFile(bin), err)
	}
	lab, err := rig.OpenLab(s.Lab)
	if err != nil {
		return err
	}
	code, err := lab.Code(ctx, pay.Wallet(wallet), fate)
	if err != nil {
		return err
	}
	return rig.Feed(ctx, s.Scanner, code)
}
