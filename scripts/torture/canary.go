package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// bug is one that torture must find: a changed text in one file, compiled in its place.
type bug struct {
	name, wrong, file, old, new string
}

// bugs need kills, lost answers, old messages or copies of tills to do harm; a run that does not torture finds none of
// them. The last two stay hidden from whoever only stops, delays and cuts bytes: see scripts/internal/mqttproxy.
var bugs = []bug{
	{"restart-declines", "the hub takes a call it was killed in for one that was refused",
		"hub/internal/engine/engine.go", `e.apply(tx, p, cause, payment.Event{Kind: payment.Lose}, now)`,
		`e.apply(tx, p, cause, payment.Event{Kind: payment.Refuse, Decline: payment.Decline{Code: "killed"}}, now)`},
	{"silence-declines", "the hub takes a lost answer for a refusal",
		"hub/internal/payment/plan.go", `e := Event{Kind: Lose, WalletRef: a.WalletRef,`, `e := Event{Kind: Refuse, Decline: Decline{Code: "lost"}, WalletRef: a.WalletRef,`},
	{"restart-lapses", "the till takes a sale it was killed in for one that never left",
		"agent/internal/sale/law.go", `Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {to: localapi.StateCancelled},`,
		`Restart: {to: localapi.StateLapsed}, Cancel: {to: localapi.StateCancelled},`},
	{"fence-ignored", "the hub takes a charge whose till was told that it can never arrive any more",
		"hub/internal/engine/collect.go", `if fenced {`, `if false && fenced {`},
	{"copy-took-all", "the hub does not tell a till that its copy took its messages",
		"hub/internal/broker/session.go", "\t\tif s.floor > o.ack {", "\t\tif false && s.floor > o.ack {"},
}

// canaries plants bugs and fails unless torture finds each.
func canaries(ctx context.Context, o options) error {
	missed := 0
	for _, b := range bugs {
		if o.canary == "list" {
			fmt.Printf("%-18s %s\n", b.name, b.wrong)
			continue
		}
		if o.canary != "all" && o.canary != b.name {
			continue
		}
		fmt.Printf("\ncanary %s: %s\n", b.name, b.wrong)
		r, err := b.fly(ctx, o)
		if err != nil {
			return fmt.Errorf("canary %s: %w", b.name, err)
		}
		if found := len(r.differences); found == 0 { // what is only unresolved was not found out
			missed++
			fmt.Printf("canary %s was NOT found\n", b.name)
		} else {
			fmt.Printf("canary %s was found: %d findings\n", b.name, found)
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d planted bugs were not found", missed)
	}
	return nil
}

// fly builds the programs with the bug in one of them and tortures those. All are built: a program of today beside one
// of yesterday would be another test.
func (b bug) fly(ctx context.Context, o options) (r report, err error) {
	dir, err := os.MkdirTemp("", "canary-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	if err := b.build(ctx, dir); err != nil {
		return r, err
	}
	o.bin = dir
	return torture(ctx, o, os.Stdout)
}

// planted gives the file's text with the bug in it.
func (b bug) planted(source string) (string, error) {
	if n := strings.Count(source, b.old); n != 1 {
		return "", fmt.Errorf("%s holds the text to change %d times, not once: bring the bug up to date", b.file, n)
	}
	return strings.Replace(source, b.old, b.new, 1), nil
}

func (b bug) build(ctx context.Context, dir string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: run this in the source tree: %w", err)
	}
	real := filepath.Join(strings.TrimSpace(string(root)), filepath.FromSlash(b.file))
	source, err := os.ReadFile(real)
	if err != nil {
		return err
	}
	wrong, err := b.planted(string(source))
	if err != nil {
		return err
	}
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(wrong), 0o600); err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {real: changed}})
	if err != nil {
		return err
	}
	paper := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(paper, overlay, 0o600); err != nil {
		return err
	}
	for program, name := range map[string]string{"hub": "cashier-hub", "agent": "cashier-agent", "firmware-sim": "firmware-sim"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-overlay", paper, "-o", filepath.Join(dir, name), "./"+program)
		cmd.Dir, cmd.Stderr = strings.TrimSpace(string(root)), os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s with the bug: %w", name, err)
		}
	}
	return nil
}
