package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/scripts/internal/hsm"
	"cloudcashier/scripts/internal/needle"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// tracer is how a hub is started whose memory is to be read without being root. It stands beside the hub, not above it
// (-D), so that signals and numbers are the hub's own, and looks at no system call.
var tracer = []string{"/usr/bin/strace", "-D", "-f", "-qq", "-e", "trace=none", "-o", "/dev/null"}

// config is the lab's own with more lines.
func (s *story) config(more string) (path string, err error) {
	text, err := os.ReadFile(filepath.Join(s.lab.Data, "hub.yaml"))
	if err != nil {
		return "", err
	}
	path = filepath.Join(s.lab.Data, "scanned.yaml")
	return path, os.WriteFile(path, append(text, more...), 0o600)
}

// serve starts the hub with more lines in its configuration.
func (s *story) serve(more string) (*rig.Process, error) {
	path, err := s.config(more)
	if err != nil {
		return nil, err
	}
	program, args := "cashier-hub", []string{"serve", "--config", path, "--log-level", "debug"}
	if os.Geteuid() != 0 {
		program, args = tracer[0], slices.Concat(tracer[1:], []string{s.rig.Program("cashier-hub")}, args)
	}
	hub, err := s.rig.Start("hub", program, args...)
	if err != nil {
		return nil, err
	}
	return hub, rig.Await(s.ctx, "the hub serves", func() (bool, error) {
		select {
		case <-hub.Done():
			return false, fmt.Errorf("it ended by itself; see %s", hub.Log)
		default:
		}
		_, err := s.lab.Metrics(s.ctx)
		return err == nil, err
	})
}

// load has customers of all wallets pay, some be refunded, until the time is over, and runs look meanwhile and at the end.
func (s *story) load(look func() error) (err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.span)
	defer cancel()
	var paid [3]atomic.Int64
	var refunded atomic.Int64
	var wg sync.WaitGroup
	wallets := []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay}
	for i, w := range wallets {
		s.orders++
		run := s.orders
		wg.Go(func() {
			for n := 0; ctx.Err() == nil || paid[i].Load() == 0 && s.ctx.Err() == nil; n++ {
				fate := "00"
				if n%8 == 7 {
					fate = "50" // declined, with a message
				}
				code, err := s.lab.Code(s.ctx, w, fate)
				if err != nil {
					continue
				}
				p, err := s.lab.Pay(s.ctx, fmt.Sprintf("scan-%d-%d", run, n), 100, code, 5*time.Second)
				if err != nil || p.Outcome != pay.Paid {
					continue
				}
				paid[i].Add(1)
				if refunded.Load() < 3 { // at WeChat that shows the merchant's certificate
					if _, err := s.lab.Refund(s.ctx, p.ID, p.OrderNo+"-r", 40); err == nil {
						refunded.Add(1)
					}
				}
			}
		})
	}
	for ctx.Err() == nil && err == nil {
		select {
		case <-ctx.Done():
		case <-time.After(s.span / 4):
		}
		err = look()
	}
	cancel()
	wg.Wait()
	return errors.Join(err, s.ctx.Err())
}

// atRest scans everything that a hub which keeps its keys sealed writes and says.
func (s *story) atRest() error {
	hub, err := s.serve("")
	if err != nil {
		return err
	}
	if err := s.load(func() error { return nil }); err != nil {
		return err
	}
	if err := s.tell(); err != nil {
		return err
	}
	guard := needle.OfText("the key-encrypting key", s.kek)
	all := append(s.needles(), guard...)
	keys := filepath.Join(s.lab.Data, "keys")
	look := func(when string, skip ...string) error {
		hits, files, err := needle.InFiles(s.rig.Dir, all, append(skip, s.wallets)...)
		if err != nil {
			return err
		}
		s.found(when, fmt.Sprintf("%d files", files), hits, "0 hits", len(hits) > 0 || files < 15)
		return nil
	}
	if err := look("database, log of writes, logs, exports, metrics, while the hub runs", filepath.Join(keys, "kek.key")); err != nil {
		return err
	}
	if err := hub.Stop(); err != nil {
		return err
	}
	backup := filepath.Join(s.rig.Dir, "backup")
	if err := os.CopyFS(backup, os.DirFS(s.lab.Data)); err != nil {
		return err
	}
	if err := look("the same once it has stopped, and a backup", filepath.Join(keys, "kek.key"), filepath.Join(backup, "keys", "kek.key")); err != nil {
		return err
	}
	// What must be found, so that finding nothing means something.
	careless := filepath.Join(s.rig.Dir, "careless")
	text := append(pemOf(s.rsa["wechat-demo/client"]), s.apiKey...)
	if err := os.WriteFile(careless, append(text, s.kek...), 0o600); err != nil {
		return err
	}
	hits, files, err := needle.InFiles(s.rig.Dir, all, s.wallets, filepath.Join(keys, "kek.key"), filepath.Join(backup, "keys", "kek.key"))
	if err != nil {
		return err
	}
	s.found("a file in which somebody left a key, the APIv2 text and the key-encrypting key", fmt.Sprintf("%d files", files), hits, ">= 7 hits", len(hits) < 7)
	return os.Remove(careless)
}

// tell has the hub say all that it says of its records.
func (s *story) tell() error {
	write := func(name string, text []byte) error { return os.WriteFile(filepath.Join(s.rig.Dir, name), text, 0o600) }
	for _, what := range []string{"payments", "attempts", "refunds", "events", "records", "storedvalue"} {
		out, _, err := s.rig.Run(s.ctx, "cashier-hub", "export", what, "--data", s.lab.Data)
		if err != nil {
			return err
		}
		if err := write(what+".ndjson", out); err != nil {
			return err
		}
	}
	for name, args := range map[string][]string{"keys.json": {"key", "list", "--json"}, "doubts.json": {"exceptions", "list", "--json"}, "doctor.txt": {"doctor"},
		"cpu.pprof": {"profile", "--for", "1s"}} {
		out, _, err := s.rig.Run(s.ctx, "cashier-hub", append(args, "--data", s.lab.Data)...)
		if err != nil {
			return err
		}
		if err := write(name, out); err != nil {
			return err
		}
	}
	metrics, err := s.lab.Metrics(s.ctx)
	if err != nil {
		return err
	}
	return write("metrics.txt", metrics)
}

// inMemory has hubs sign with keys that they keep themselves: the search must find them, so that finding nothing
// elsewhere means something.
func (s *story) inMemory() error {
	for _, signing := range []string{"openssl", "go"} {
		hits, looked, err := s.memory("vault:\n  signing: " + signing + "\n")
		if err != nil {
			return err
		}
		s.found("memory under load, keys sealed in the database, signing with "+signing, fmt.Sprintf("%d MiB", looked>>20), without(hits), "it must be there", len(without(hits)) == 0)
	}
	return nil
}

// memory scans a hub under load several times.
func (s *story) memory(more string) (hits []string, most int, err error) {
	hub, err := s.serve(more)
	if err != nil {
		return nil, 0, err
	}
	err = s.load(func() error {
		found, looked, readable, err := needle.InMemory(hub.PID(), s.needles())
		if err == nil && !readable {
			err = fmt.Errorf("this system lets nobody read the hub's memory, and nothing was proven")
		}
		hits, most = append(hits, found...), max(most, looked)
		return err
	})
	slices.Sort(hits)
	return slices.Compact(hits), most, errors.Join(err, hub.Stop())
}

// inToken scans the memory of hubs whose RSA keys are in a token.
func (s *story) inToken() (err error) {
	if s.token, err = hsm.New(s.ctx, filepath.Join(s.rig.Dir, "hsm")); err != nil {
		return err
	}
	for name, id := range tokenIDs {
		if err := s.token.Import(s.ctx, s.rsa[name], id); err != nil {
			return err
		}
	}
	module, err := s.token.Serve()
	if err != nil {
		return err
	}
	for name, value := range s.token.Env() {
		if err := os.Setenv(name, value); err != nil { // for the programs that are started from here on
			return err
		}
	}
	signing := func(module string) string {
		return fmt.Sprintf("vault:\n  signing: pkcs11\n  token:\n    module: %s\n    label: %s\n    pin: file:%s\n", module, hsm.Label, s.token.Pin)
	}
	config, err := s.config(signing(module))
	if err != nil {
		return err
	}
	for name, id := range tokenIDs {
		before := "1"
		if name == appName {
			before = "2" // the lab's own came first
		}
		if err := s.key(nil, "rotate", name, "--token-label", id, "--config", config); err != nil {
			return err
		}
		if err := s.key(nil, "retire", name, "--version", before, "--config", config); err != nil {
			return err
		}
	}
	hits, looked, err := s.memory(signing(module))
	if err != nil {
		return err
	}
	size := fmt.Sprintf("%d MiB", looked>>20)
	s.found("memory under load, RSA keys in a token in another process (SoftHSM2 behind p11-kit)", size, without(hits), "0 hits", len(without(hits)) > 0 || looked < 10<<20)
	text := len(hits) - len(without(hits))
	s.found("  of it the APIv2 key, the text that WeChat Pay v2 signs with", size, make([]string, text), "it must be there", text == 0)
	if hits, looked, err = s.memory(signing(hsm.Module)); err != nil {
		return err
	}
	s.found("memory under load, SoftHSM2 inside the hub", fmt.Sprintf("%d MiB", looked>>20), without(hits), "no promise: the token is in this process", false)
	return nil
}
