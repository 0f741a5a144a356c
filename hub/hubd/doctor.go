package hubd

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Exports names what [Export] writes.
func Exports() []string { return store.Exports() }

// Export writes a kind of record of a hub's database as NDJSON.
func Export(path, what string, w io.Writer) error { return store.Export(path, what, w) }

// Finding is one thing the doctor looked at.
type Finding struct {
	Check  string `json:"check"`
	State  string `json:"state"`            // "ok", "warn", "fail"
	Detail string `json:"detail,omitempty"` // what was seen, and what to do
}

// Report is what the doctor found.
type Report []Finding

// Write prints the report, and gives an error when something failed, so that scripts notice.
func (r Report) Write(w io.Writer, asJSON bool) error {
	failed := 0
	for _, f := range r {
		if f.State == "fail" {
			failed++
		}
		if !asJSON {
			fmt.Fprintf(w, "%-5s %-22s %s\n", f.State, f.Check, f.Detail)
		}
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"healthy": failed == 0, "findings": r}); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fault.New(fault.Invalid, "doctor.failed", "%d of %d checks failed", failed, len(r))
	}
	return nil
}

func (r *Report) add(check string, err error, good string, args ...any) {
	if err != nil {
		*r = append(*r, Finding{check, "fail", err.Error()})
		return
	}
	*r = append(*r, Finding{check, "ok", fmt.Sprintf(good, args...)})
}

// Examine checks everything that can be checked from outside a hub that may be running: nothing is
// changed.
func Examine(ctx context.Context, configFile string, deps Deps) Report {
	var r Report
	cfg, err := LoadConfig(configFile)
	r.add("configuration", err, "%s", configFile)
	if err != nil {
		return r
	}
	if cfg, err = cfg.withChannels(); err != nil {
		r.add("channels", err, "")
		return r
	}
	r.folder(cfg)
	r.walletKeys(cfg, deps)
	for _, ch := range cfg.Channels {
		if ch.Wallet != pay.StoredValue {
			r.reach(ctx, "channel "+ch.Name, ch)
		}
	}
	r.balances(cfg)
	most := terminalsMost()
	if most < terminalsWanted {
		r = append(r, Finding{"open files", "warn", fmt.Sprintf("the limit leaves room for %d terminals: raise it to %d (LimitNOFILE, ulimit -n) for %d",
			most, terminalsWanted+otherFiles, terminalsWanted)})
	} else {
		r.add("open files", nil, "room for %d terminals", most)
	}
	r.door("api port", cfg.HTTP)
	r.door("terminals' port", cfg.MQTT)
	if cfg.Notices.Listen != "" {
		r.door("notices' port", cfg.Notices.Listen)
	}
	return r
}

// walletKeys opens every key of a wallet and makes each channel of them.
func (r *Report) walletKeys(cfg Config, deps Deps) {
	w, err := openSafe(cfg, deps, &keys{}, fileRecords(cfg.DatabaseFile()), false)
	defer w.close()
	if err == nil {
		err = w.openVault(cfg, deps)
	}
	r.add("wallet keys", err, "every sealed key opens")
	if err != nil {
		return
	}
	for _, ch := range cfg.Channels {
		if ch.Wallet == pay.StoredValue {
			continue // no keys but the hub's own
		}
		if _, broken := openWallet(ch, chest{w.vault, ch}, deps.Now, deps.Random); broken != nil {
			err = errors.Join(err, fmt.Errorf("channel %s: %w", ch.Name, broken))
		}
	}
	r.add("channel keys", err, "%d channels can sign", len(cfg.Channels))
}

func (r *Report) folder(cfg Config) {
	for _, name := range []string{"master.key", "ca.key"} {
		path := filepath.Join(cfg.Data, "keys", name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("others can read %s: chmod 600 it and consider the key stolen", path)
		}
		r.add("key "+name, err, "readable by its owner alone")
	}
	var fs syscall.Statfs_t
	err := syscall.Statfs(cfg.Data, &fs)
	free := fs.Bavail * uint64(fs.Bsize) >> 20
	if err == nil && free < 200 {
		err = fmt.Errorf("only %d MiB are free: the hub stops when it cannot write", free)
	}
	r.add("disk", err, "%d MiB free", free)
	path := cfg.DatabaseFile()
	verdict := ""
	db, err := sqlite.OpenReadOnly(path)
	if err == nil {
		err = db.QueryRow("PRAGMA quick_check(1)").Scan(&verdict)
		if err == nil && verdict != "ok" {
			err = errors.New(verdict)
		}
		err = errors.Join(err, db.Close())
	}
	r.add("database", err, "%s is sound (SQLite %s)", path, sqlite.Version())
	open, err := Exceptions(path, false)
	if len(open) > 0 {
		*r = append(*r, Finding{"exceptions", "warn", fmt.Sprintf("%d are open: look with \"cashier-hub exceptions list\"", len(open))})
		return
	}
	r.add("exceptions", err, "none is open")
}

// balances holds the stored value against its entries.
func (r *Report) balances(cfg Config) {
	if !cfg.hasStoredValue() {
		return
	}
	astray, err := store.StoredAstray(cfg.DatabaseFile())
	if err == nil && astray > 0 {
		err = fmt.Errorf("%d balances or charges are not what the entries say: the database was edited", astray)
	}
	r.add("stored value", err, "every balance is the sum of its entries")
}

// reach dials a wallet's host and checks its certificate, without sending anything.
func (r *Report) reach(ctx context.Context, check string, c ChannelConfig) {
	u, err := url.Parse(c.URL)
	if err != nil {
		r.add(check, err, "")
		return
	}
	roots, err := rootsFrom(c.CAFile)
	if err != nil {
		r.add(check, err, "")
		return
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: u.Hostname()}}).DialContext(ctx, "tcp", host)
	if err == nil {
		_ = conn.Close()
	}
	r.add(check, err, "%s answers and its certificate is good", host)
}

// door tells whether a port is served; a hub that is not running is no failure.
func (r *Report) door(check, addr string) {
	conn, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		*r = append(*r, Finding{check, "warn", "nobody answers on " + addr + ": the hub is not running"})
		return
	}
	_ = conn.Close()
	r.add(check, nil, "%s answers", addr)
}
