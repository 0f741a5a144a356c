package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloudcashier/shared/localapi"
)

// Till is an activated till: its folder, its agent and its pretended scanner.
type Till struct {
	Name    string
	Data    string
	Agent   *Process
	Client  *localapi.Client
	Flags   []string // further ones of its agent
	rig     *Rig
	link    string
	scanner *Process
	flags   []string // of the agent, for its devices
}

// Activate makes a till of a fresh folder.
func (r *Rig) Activate(ctx context.Context, lab *Lab, name string) (*Till, error) {
	code, err := lab.ActivationCode()
	if err != nil {
		return nil, err
	}
	t := &Till{Name: name, Data: filepath.Join(r.Dir, name), rig: r, link: filepath.Join(r.Dir, name+".scanner")}
	if _, _, err := r.Run(ctx, "cashier-agent", "activate", "--hub", lab.API, "--ca", lab.CA, "--code", code, "--data", t.Data); err != nil {
		return nil, err
	}
	t.Client = localapi.NewClient(filepath.Join(t.Data, "agent.sock"))
	return t, nil
}

// Through makes the till reach the hub's MQTT door by another address: a [Wire] that can be cut.
func (t *Till) Through(address string) error {
	path := filepath.Join(t.Data, "identity.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the till's identity: %w", err)
	}
	var identity map[string]any
	if err := json.Unmarshal(text, &identity); err != nil {
		return fmt.Errorf("read the till's identity: %w", err)
	}
	before, ok := identity["mqtt"].(string)
	if !ok {
		return fmt.Errorf("the till's identity names no mqtt address")
	}
	if scheme, _, ok := strings.Cut(before, "://"); ok {
		address = scheme + "://" + address
	}
	identity["mqtt"] = address
	if text, err = json.MarshalIndent(identity, "", "  "); err != nil {
		return fmt.Errorf("write the till's identity: %w", err)
	}
	return os.WriteFile(path, text, 0o600)
}

// PlugScanner starts the pretended scanner, with further arguments.
func (t *Till) PlugScanner(ctx context.Context, args ...string) (err error) {
	args = append([]string{"scanner", "--link", t.link}, args...)
	if t.scanner, err = t.rig.Start(t.Name+"-scanner", "firmware-sim", args...); err != nil {
		return err
	}
	return Await(ctx, "the scanner is there", func() (bool, error) {
		_, err := os.Lstat(t.link)
		return err == nil, err
	})
}

// Open starts the agent and returns when it answers and has reached the hub.
func (t *Till) Open(ctx context.Context) error {
	if err := t.Launch(); err != nil {
		return err
	}
	return t.AwaitStatus(ctx, "the till is connected", func(s localapi.Status) bool {
		for _, scanner := range s.Scanners {
			if !scanner.Connected {
				return false
			}
		}
		return s.Link == "up"
	})
}

// Launch starts the agent and returns at once.
func (t *Till) Launch() (err error) {
	args := append([]string{"run", "--data", t.Data}, t.Flags...)
	if t.scanner != nil {
		args = append(args, "--scanner", t.link)
	}
	args = append(args, t.flags...)
	t.Agent, err = t.rig.Start(t.Name, "cashier-agent", args...)
	return err
}

// OpenLimited is [Till.Open] with an agent whose files cannot grow beyond so many KiB.
func (t *Till) OpenLimited(ctx context.Context, kib int) error {
	var err error
	t.Agent, err = t.rig.Start(t.Name, limiter, append(limits(kib, t.rig.Program("cashier-agent")), "run", "--data", t.Data)...)
	if err != nil {
		return err
	}
	return t.AwaitStatus(ctx, "the till is connected", func(s localapi.Status) bool { return s.Link == "up" })
}

// AwaitStatus returns when the till's status is as wanted.
func (t *Till) AwaitStatus(ctx context.Context, what string, wanted func(localapi.Status) bool) error {
	err := Await(ctx, what, func() (bool, error) {
		select {
		case <-t.Agent.Done():
			return true, nil // looked at below
		default:
		}
		status, err := t.Client.Status(ctx)
		if err != nil {
			return false, err
		}
		if !wanted(status) {
			return false, fmt.Errorf("status %+v", status)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w; see %s", t.Name, err, t.Agent.Log)
	}
	select {
	case <-t.Agent.Done():
		return fmt.Errorf("%s: the agent ended by itself: %s", t.Name, tail(t.Agent.Log))
	default:
		return nil
	}
}

// Rig is where the till runs.
func (t *Till) Rig() *Rig { return t.rig }

// Scan has the pretended scanner read a code.
func (t *Till) Scan(code string) error { return t.scanner.Say(code) }

// AwaitSale returns the sale when it is as wanted. An agent that is down in between is waited for.
func (t *Till) AwaitSale(ctx context.Context, id, what string, wanted func(localapi.Sale) bool) (sale localapi.Sale, err error) {
	err = Await(ctx, what, func() (bool, error) {
		s, err := t.Client.Sale(ctx, id)
		if err != nil {
			return false, err
		}
		sale = s
		if !wanted(s) {
			return false, fmt.Errorf("sale %s is %s (%s)", s.ID, s.State, s.Message)
		}
		return true, nil
	})
	if err != nil {
		return sale, fmt.Errorf("%s: %w", t.Name, err)
	}
	return sale, nil
}

// Settled is the wish for an answered money question.
func Settled(s localapi.Sale) bool { return s.FinishedAt != nil }

// Sell makes a sale, scans the code for it and returns when the money question is settled.
func (t *Till) Sell(ctx context.Context, amount int64, code string) (localapi.Sale, error) {
	sale, err := t.Client.NewSale(ctx, localapi.NewSale{Amount: amount})
	if err != nil {
		return sale, fmt.Errorf("%s: %w", t.Name, err)
	}
	if err := t.Scan(code); err != nil {
		return sale, fmt.Errorf("%s: scan: %w", t.Name, err)
	}
	return t.AwaitSale(ctx, sale.ID, "the sale is settled", Settled)
}

// Restart starts the agent again after a kill.
func (t *Till) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return t.Open(ctx)
}
