package agentd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"cloudcashier/agent/internal/identity"
	"cloudcashier/agent/internal/localapi"
	"cloudcashier/agent/internal/scanner"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// Verdict is how a check ended.
type Verdict = api.Verdict

// The verdicts.
const (
	OK   = api.CheckOK
	Warn = api.CheckWarn // the till sells, and somebody should look
	Fail = api.CheckFail // the till does not sell
)

// Check is one thing the doctor looked at, as [api.Check] has it.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Do      string  `json:"do,omitempty"` // what to do about it
}

const (
	certificateSoon = 30 * 24 * time.Hour
	diskLeast       = 64 << 20  // a day's journal is a few MiB; below this SQLite soon cannot grow
	diskLow         = 512 << 20 // somebody should clean up
	offsetMost      = time.Minute
	hubTime         = 5 * time.Second
)

// Doctor checks everything about a till that can be checked from its machine. It changes nothing.
func Doctor(ctx context.Context, c Config, d Deps) []Check {
	who, err := identity.Load(c.Dir)
	checks := []Check{folder(c.Dir), activation(who, err)}
	if err == nil {
		checks = append(checks, certificate(who, d.Now()))
	}
	checks = append(checks, journal(c.Dir), disk(c.Dir))
	status, running := ask(ctx, c.Dir)
	checks = append(checks, agent(status, running))
	checks = append(checks, scanners(c.Scanners, status)...)
	checks = append(checks, receipts(status)...)
	checks = append(checks, customers(status)...)
	if err == nil {
		checks = append(checks, hub(ctx, who, d.Now))
	}
	return append(checks, clock(status), offline(status))
}

func folder(dir string) Check {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return Check{"folder", Fail, err.Error(), "name the till's folder with --data"}
	case !info.IsDir():
		return Check{"folder", Fail, dir + " is no folder", "name the till's folder with --data"}
	case info.Mode().Perm()&0o077 != 0:
		return Check{"folder", Warn, fmt.Sprintf("%s is open to other users (%s)", dir, info.Mode().Perm()), "chmod 700 " + dir}
	}
	return Check{"folder", OK, dir, ""}
}

func activation(who identity.Identity, err error) Check {
	if err != nil {
		return Check{"activation", Fail, fault.MessageOf(err), "activate the till: cashier-agent activate --help"}
	}
	return Check{"activation", OK, fmt.Sprintf("terminal %s of store %s, merchant %s", who.Terminal, who.Store, who.Merchant), ""}
}

func certificate(who identity.Identity, now time.Time) Check {
	leaf := who.Certificate.Leaf
	found := fmt.Sprintf("valid from %s to %s", leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	switch {
	case now.Before(leaf.NotBefore):
		return Check{"certificate", Fail, found, "set this machine's clock; if it is right, activate the till again"}
	case now.After(leaf.NotAfter):
		return Check{"certificate", Fail, found, "activate the till again with a new code, in a new folder"}
	case now.Add(certificateSoon).After(leaf.NotAfter):
		return Check{"certificate", Warn, found, "it ends within 30 days: ask for a new activation code"}
	}
	return Check{"certificate", OK, found, ""}
}

func journal(dir string) Check {
	h, err := store.Check(filepath.Join(dir, store.FileName))
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return Check{"journal", Warn, "there is none yet", "it is made by the first cashier-agent run"}
	case err != nil:
		return Check{"journal", Fail, err.Error(), "stop the agent, copy the folder away, and tell the operator of the hub: open payments are known there"}
	case h.Deferred > 0:
		return Check{"journal", Warn, fmt.Sprintf("sound; %d sales, %d of them not settled, %d accepted without a connection and not collected", h.Sales, h.Open, h.Deferred),
			"let the agent run with a link to the hub until they are: deleting this folder loses their money"}
	case h.Open > 0 || h.OpenRefunds > 0:
		return Check{"journal", Warn, fmt.Sprintf("sound; %d sales, %d of them not settled; %d refunds, %d of them not settled",
			h.Sales, h.Open, h.Refunds, h.OpenRefunds), "let the agent run with a link to the hub until they are"}
	}
	return Check{"journal", OK, fmt.Sprintf("sound; %d sales, %d refunds, %d events, their chain unbroken", h.Sales, h.Refunds, h.Events), ""}
}

func disk(dir string) Check {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return Check{"disk", Fail, err.Error(), "name the till's folder with --data"}
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize)
	found := fmt.Sprintf("%d MiB free", free>>20)
	switch {
	case free < diskLeast:
		return Check{"disk", Fail, found, "free some space: the journal cannot grow"}
	case free < diskLow:
		return Check{"disk", Warn, found, "free some space"}
	}
	return Check{"disk", OK, found, ""}
}

// ask gets the status of the agent that runs on the folder.
func ask(ctx context.Context, dir string) (*api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, hubTime)
	defer cancel()
	client := api.NewClient(filepath.Join(dir, localapi.SocketName))
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	return &status, nil
}

func agent(s *api.Status, err error) Check {
	switch {
	case s == nil:
		return Check{"agent", Warn, fault.MessageOf(err), "start it: cashier-agent run --data DIR"}
	case s.Training:
		return Check{"agent", Warn, "trains: nothing of what it sells is real", "end training on the screen (F12)"}
	case s.Link != "up":
		return Check{"agent", Fail, fmt.Sprintf("runs (%s), no link to the hub since %s: %s", s.Version, s.LinkSince.Format(time.RFC3339), s.LinkMessage),
			"see the check \"hub\"; until then cash, and what the check \"offline\" says"}
	case s.OpenSales > 0 || s.OpenRefunds > 0:
		return Check{"agent", OK, fmt.Sprintf("runs (%s), linked; %d sales and %d refunds open, %d messages not answered",
			s.Version, s.OpenSales, s.OpenRefunds, s.Queue), ""}
	}
	return Check{"agent", OK, fmt.Sprintf("runs (%s), linked", s.Version), ""}
}

// scanners looks at what the running agent reads, else at the paths it was asked about.
func scanners(paths []string, s *api.Status) (checks []Check) {
	if s != nil {
		for _, one := range s.Scanners {
			checks = append(checks, running(one))
		}
		return checks
	}
	for _, text := range paths {
		spec, err := scanner.ParseSpec(text)
		if err != nil {
			checks = append(checks, Check{"scanner " + text, Fail, fault.MessageOf(err), "correct --scanner"})
			continue
		}
		path := spec.Path
		found, err := filepath.Glob(path)
		if err != nil || len(found) == 0 {
			checks = append(checks, Check{"scanner " + path, Fail, "no such device", "plug it in, or correct --scanner"})
			continue
		}
		f, err := os.OpenFile(found[0], os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
		if err != nil {
			checks = append(checks, Check{"scanner " + path, Fail, err.Error(), "give this user the right to it: usermod -aG dialout USER"})
			continue
		}
		_ = f.Close()
		checks = append(checks, Check{"scanner " + path, OK, found[0], ""})
	}
	return checks
}

// running judges a scanner of the running agent.
func running(one api.Scanner) Check {
	name, found := "scanner "+one.Path, fmt.Sprintf("connected at %d as %s", one.Baud, one.Profile)
	switch {
	case !one.Connected:
		return Check{name, Fail, "not connected: " + one.Message, "plug it in, or correct --scanner"}
	case one.SpeedWrong:
		return Check{name, Fail, found + ": " + one.Message, "name its speed, or --scanner PATH,baud=auto and scan a few times"}
	case one.Stuck:
		return Check{name, Warn, found + ": " + one.Message, "take the code from its window, free its trigger"}
	}
	return Check{name, OK, found, ""}
}

// hub shakes hands with the hub's MQTT door as the agent does.
func hub(ctx context.Context, who identity.Identity, now func() time.Time) Check {
	ctx, cancel := context.WithTimeout(ctx, hubTime)
	defer cancel()
	host, _, err := net.SplitHostPort(who.MQTT)
	if err != nil {
		return Check{"hub", Fail, err.Error(), "activate the till again"}
	}
	dialer := tls.Dialer{Config: &tls.Config{ServerName: host, RootCAs: who.CA, MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{who.Certificate}, Time: now}}
	conn, err := dialer.DialContext(ctx, "tcp", who.MQTT)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return Check{"hub", Fail, err.Error(), "whoever answers is not our hub, or this machine's clock is wrong: check both"}
	case err != nil:
		return Check{"hub", Fail, err.Error(), "check cable, network and firewall towards " + who.MQTT}
	}
	_ = conn.Close()
	return Check{"hub", OK, who.MQTT + " answers and is our hub", ""}
}

func clock(s *api.Status) Check {
	if s == nil || s.Link != "up" {
		return Check{"clock", Warn, "not compared: only a linked agent knows the hub's time", "start the agent, then ask again"}
	}
	offset := time.Duration(s.ClockOffsetMS) * time.Millisecond
	found := fmt.Sprintf("the hub's clock minus ours is %s", offset)
	if offset.Abs() > offsetMost {
		return Check{"clock", Warn, found, "set this machine's clock (NTP): no payment depends on it, records and certificates do"}
	}
	return Check{"clock", OK, found, ""}
}

// offline tells what the till accepts without a connection.
func offline(s *api.Status) Check {
	switch {
	case s == nil:
		return Check{"offline", Warn, "not known: only a running agent knows its limits", "start the agent, then ask again"}
	case s.Offline.Limits == nil:
		return Check{"offline", OK, "nothing but cash is accepted without a connection: the hub has set no limits, or they have expired", ""}
	}
	l := s.Offline.Limits
	return Check{"offline", OK, fmt.Sprintf("stored value is accepted without a connection: %d sales of %d, %s of %s, until %s",
		s.Offline.Count, l.Count, money.Fen(s.Offline.Sum), money.Fen(l.Sum), l.ExpiresAt.Format(time.RFC3339)), ""}
}
