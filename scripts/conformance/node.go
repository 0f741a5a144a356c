package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"cloudcashier/scripts/internal/rig"
)

// What Node runs, and what npm installs for it. The lock file has each package's hash and no address, so that any
// registry will do and none can give another package. urllib, which Alipay's SDK asks for in any version 4, is held at
// the newest that works with the Node 18 of Debian 12; .npmrc lets npm refuse whatever does not fit this machine's Node.
//
//go:embed sdk/*.mjs sdk/package.json sdk/package-lock.json sdk/.npmrc
var scripts embed.FS

// kit is an installed folder of SDKs.
type kit struct{ dir string }

const installed = "installed.json" // a copy of the lock file that npm went by; written when it is done

// install unpacks the scripts into the folder and has npm fetch the SDKs, unless the same are there already.
func install(ctx context.Context, dir string) (kit, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return kit{}, fmt.Errorf("find the SDKs' folder: %w", err)
	}
	k := kit{dir}
	files, err := fs.Sub(scripts, "sdk")
	if err != nil {
		return k, err
	}
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return errors.Join(err, os.MkdirAll(dir, 0o755))
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o644)
	})
	if err != nil {
		return k, fmt.Errorf("unpack the scripts: %w", err)
	}
	lock, err := fs.ReadFile(files, "package-lock.json")
	if err != nil {
		return k, err
	}
	if have, err := os.ReadFile(filepath.Join(dir, installed)); err == nil && bytes.Equal(have, lock) {
		return k, nil
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir, npm.Stdout, npm.Stderr = dir, os.Stderr, os.Stderr
	if err := npm.Run(); err != nil {
		return k, fmt.Errorf("install the SDKs with npm ci in %s: %w", dir, err)
	}
	return k, os.WriteFile(filepath.Join(dir, installed), lock, 0o644)
}

// plan is what Node is told, on its standard input: keys belong neither on command lines nor into environments.
type plan struct {
	Sandbox   string            `json:"sandbox"` // http
	Liar      map[string]string `json:"liar"`    // by wallet
	Account   account           `json:"account"`
	AlipayKey string            `json:"alipay_key"`
	Others    map[string]other  `json:"others"` // merchants who agreed upon more, by what they are
}

// row is one line of the table.
type row struct {
	SDK      string `json:"sdk"` // with its version
	Call     string `json:"call"`
	Scenario string `json:"scenario"`
	Got      string `json:"got"`
	Want     string `json:"want"`
	Side     string `json:"side"`    // what was tampered with: "request", "answer", "" for nothing
	Changes  int    `json:"changes"` // how many times, a byte each
}

// movement is a movement of money that an SDK's verified answer told of. Amount is in fen.
type movement struct {
	Wallet      string `json:"wallet"`
	Kind        string `json:"kind"` // charge, reversal, refund
	OutTradeNo  string `json:"out_trade_no"`
	OutRefundNo string `json:"out_refund_no"`
	Amount      int64  `json:"amount"`
}

// said is all that the SDKs told.
type said struct {
	rows  []row
	money []movement
}

// speak runs the SDKs through their day. They trust the machine's authorities and those in trusted.
func (k kit) speak(ctx context.Context, r *rig.Rig, p plan, trusted string) (s said, err error) {
	ca := filepath.Join(r.Dir, "trusted.pem")
	if err := os.WriteFile(ca, []byte(trusted), 0o600); err != nil {
		return s, fmt.Errorf("write the authorities: %w", err)
	}
	for _, script := range []string{"day.mjs", "modes.mjs"} {
		more, err := k.node(ctx, p, script, "NODE_EXTRA_CA_CERTS="+ca)
		if err != nil {
			return s, err
		}
		s.rows, s.money = append(s.rows, more.rows...), append(s.money, more.money...)
	}
	// Bills come last, for everything before is made to have happened the day before yesterday.
	bills, err := k.node(ctx, p, "bills.mjs", "NODE_EXTRA_CA_CERTS="+ca)
	s.rows = append(s.rows, bills.rows...)
	return s, err
}

// stranger asks the same wallets without their authority: SDKs that answer to that check no certificates.
func (k kit) stranger(ctx context.Context, p plan) ([]row, error) {
	s, err := k.node(ctx, p, "stranger.mjs")
	return s.rows, err
}

// node runs a script and reads what it tells: JSON lines, each a row or a movement.
func (k kit) node(ctx context.Context, p plan, script string, env ...string) (s said, err error) {
	told, err := json.Marshal(p)
	if err != nil {
		return s, fmt.Errorf("tell the plan: %w", err)
	}
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Dir, cmd.Stdin, cmd.Stderr = k.dir, bytes.NewReader(told), os.Stderr
	// Alipay's SDK stamps its requests with the process's own time of day, and the wallet wants China's.
	cmd.Env = append(without(os.Environ(), "NODE_"), append(env, "TZ=Asia/Shanghai")...)
	text, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("node %s: %w; its lines are above", script, err)
	}
	for lines := json.NewDecoder(bytes.NewReader(text)); ; {
		var line struct {
			Row   *row      `json:"row"`
			Money *movement `json:"money"`
		}
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF):
			return s, nil
		case err != nil:
			return s, fmt.Errorf("read what node %s tells: %w", script, err)
		case line.Row != nil:
			s.rows = append(s.rows, *line.Row)
		case line.Money != nil:
			s.money = append(s.money, *line.Money)
		}
	}
}

// without drops variables: nobody's environment may switch certificate checks off, or on.
func without(env []string, prefix string) (out []string) {
	for _, e := range env {
		if !strings.HasPrefix(e, prefix) {
			out = append(out, e)
		}
	}
	return out
}
