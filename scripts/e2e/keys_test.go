package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cloudcashier/scripts/internal/needle"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keyStory is a lab hub beside a sandbox, and what a test knows of its keys.
type keyStory struct {
	t       *testing.T
	ctx     context.Context
	rig     *rig.Rig
	lab     *rig.Lab
	sandbox string
	wallets string // the sandbox's folder: the wallets' side, where keys may stand
	name    string // of the account
	apiKey  string
	client  *rsa.PrivateKey // WeChat's client certificate's
	union   *rsa.PrivateKey // UnionPay's signing certificate's
	app     *rsa.PrivateKey // Alipay's application's, once the test gave it
	order   int
}

func newKeyStory(t *testing.T) *keyStory {
	ctx, r := start(t, 4*time.Minute)
	s := &keyStory{t: t, ctx: ctx, rig: r, wallets: filepath.Join(r.Dir, "wallets")}
	var err error
	s.sandbox, err = r.StartSandbox(ctx, s.wallets)
	must(t, err)
	s.lab = lab(t, ctx, r, "--sandbox", s.sandbox)
	var state struct{ Name string }
	text, err := os.ReadFile(filepath.Join(s.lab.Data, "keys", "lab.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &state))
	s.name = state.Name
	s.account("")
	s.app, err = rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return s
}

// account reads the merchant's account at the wallets, and gives them another Alipay key if asked.
func (s *keyStory) account(alipayPublic string) {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"name": s.name, "alipay_public_key": alipayPublic})
	must(s.t, err)
	answer, err := http.Post(s.sandbox+"/sandbox/merchants", "application/json", bytes.NewReader(body))
	must(s.t, err)
	defer answer.Body.Close()
	var a struct {
		WeChat struct {
			APIKey    string `json:"api_key"`
			ClientKey string `json:"client_key"`
		}
		UnionPay struct {
			SignKey string `json:"sign_key"`
		}
	}
	must(s.t, json.NewDecoder(answer.Body).Decode(&a))
	block, _ := pem.Decode([]byte(a.WeChat.ClientKey))
	s.apiKey, s.client = a.WeChat.APIKey, parseRSA(s.t, block.Bytes)
	block, _ = pem.Decode([]byte(a.UnionPay.SignKey))
	s.union = parseRSA(s.t, block.Bytes)
}

func (s *keyStory) giveAlipay(key *rsa.PublicKey) {
	s.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	must(s.t, err)
	s.account(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
}

func pemOf(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE " + "KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func (s *keyStory) needles() []needle.Needle {
	return slices.Concat(needle.OfText("the APIv2 key", []byte(s.apiKey)), needle.OfRSA("the client key", s.client),
		needle.OfRSA("the UnionPay key", s.union), needle.OfRSA("the Alipay key", s.app))
}

// walletKey is a line of `key list`.
type walletKey struct {
	Name, State, KEK, Holder string
	Version                  int
}

// key runs `cashier-hub key …` with a key on its standard input.
func (s *keyStory) key(stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(s.ctx, s.rig.Program("cashier-hub"), append([]string{"key"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if hits := append(needle.In(out, "the output", s.needles()), needle.In(complaint.Bytes(), "the complaint", s.needles())...); hits != nil {
		s.t.Errorf("key %v: %v", args, hits)
	}
	if err != nil {
		err = fmt.Errorf("key %v: %w: %s", args, err, complaint.String())
	}
	return out, err
}

func (s *keyStory) list(place ...string) (list []walletKey) {
	s.t.Helper()
	out, err := s.key(nil, append([]string{"list", "--json"}, place...)...)
	must(s.t, err)
	must(s.t, json.Unmarshal(out, &list))
	return list
}

// pays sees that a payment is paid, with fresh codes until the time is over: a rotated key takes some seconds.
func (s *keyStory) pays(wallet pay.Wallet, patience time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	must(s.t, rig.Await(ctx, "a payment is paid", func() (bool, error) {
		p, err := s.pay(wallet)
		return err == nil && p.Outcome == pay.Paid, err
	}))
}

var orders sync.Mutex

func (s *keyStory) pay(wallet pay.Wallet) (p rig.Payment, err error) {
	code, err := s.lab.Code(s.ctx, wallet, "00")
	if err != nil {
		return p, err
	}
	orders.Lock()
	s.order++
	order := fmt.Sprintf("keys-%d", s.order)
	orders.Unlock()
	return s.lab.Pay(s.ctx, order, 100, code, 5*time.Second)
}

// load pays on both wallets without pause until stopped.
func (s *keyStory) load() (stop func() (paid int)) {
	ctx, cancel := context.WithCancel(s.ctx)
	var wg sync.WaitGroup
	var mu sync.Mutex
	paid := 0
	for _, w := range []pay.Wallet{pay.WeChat, pay.Alipay} {
		wg.Go(func() {
			for ctx.Err() == nil {
				if p, err := s.pay(w); err == nil && p.Outcome == pay.Paid {
					mu.Lock()
					paid++
					mu.Unlock()
				}
			}
		})
	}
	return func() int { cancel(); wg.Wait(); return paid }
}

// serve replaces the lab by a hub of its own configuration, changed by the lines.
func (s *keyStory) serve(config string) *rig.Process {
	s.t.Helper()
	p, err := s.rig.Start("hub", "cashier-hub", "serve", "--config", config)
	must(s.t, err)
	must(s.t, rig.Await(s.ctx, "the hub serves", func() (bool, error) {
		select {
		case <-p.Done():
			text, _ := os.ReadFile(p.Log)
			s.t.Fatalf("the hub ended: %s", text)
		default:
		}
		_, err := s.lab.Metrics(s.ctx)
		return err == nil, err
	}))
	return p
}

// config writes the lab's configuration with more lines.
func (s *keyStory) config(name, more string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.lab.Data, "hub.yaml"))
	must(s.t, err)
	path := filepath.Join(s.lab.Data, name)
	must(s.t, os.WriteFile(path, append(text, more...), 0o600))
	return path
}

// TestKeysAtRest: a key goes in through standard input, signs without a restart, and stands in no file, log, export
// or backup. Its memory is `scripts/keyscan`'s.
func TestKeysAtRest(t *testing.T) {
	t.Parallel()
	s := newKeyStory(t)
	s.pays(pay.Alipay, 20*time.Second)
	_, err := s.key(pemOf(s.app), "rotate", "alipay-demo/app", "--by", "test", "--data", s.lab.Data)
	must(t, err)
	s.giveAlipay(&s.app.PublicKey)
	s.pays(pay.Alipay, 60*time.Second) // the running hub took it over
	_, err = s.key(nil, "retire", "alipay-demo/app", "--version", "1", "--by", "test", "--data", s.lab.Data)
	must(t, err)
	stop := s.load()
	for range 20 {
		s.pays(pay.WeChat, 20*time.Second)
	}
	if paid := stop(); paid == 0 {
		t.Error("nothing was paid")
	}
	for _, what := range []string{"payments", "attempts", "events", "records"} {
		out, _, err := s.rig.Run(s.ctx, "cashier-hub", "export", what, "--data", s.lab.Data)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(s.rig.Dir, what+".ndjson"), out, 0o600))
	}
	hits, files := inFiles(t, s.rig.Dir, s.wallets, s.needles()) // database, log of writes and all, while it runs
	must(t, s.lab.Process.Stop())
	must(t, os.CopyFS(filepath.Join(s.rig.Dir, "backup"), os.DirFS(s.lab.Data)))
	after, more := inFiles(t, s.rig.Dir, s.wallets, s.needles())
	if len(hits)+len(after) > 0 || files < 15 || more < files+10 {
		t.Errorf("looked at %d and %d files: %v", files, more, append(hits, after...))
	}
	must(t, os.WriteFile(filepath.Join(s.rig.Dir, "careless.pem"), append(pemOf(s.client), s.apiKey...), 0o600))
	if hits, _ := inFiles(t, s.rig.Dir, s.wallets, s.needles()); len(hits) < 7 {
		t.Errorf("the search sees only %v of a key left in a file", hits)
	}
}

// killedAt runs a command that writes keys and kills it at the n-th sync that one of its threads makes.
func (s *keyStory) killedAt(n int, stdin []byte, args ...string) (killed bool) {
	s.t.Helper()
	cmd := exec.CommandContext(s.ctx, "strace", append([]string{"-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
		"-e", fmt.Sprintf("inject=fdatasync,fsync:signal=SIGKILL:when=%d", n), s.rig.Program("cashier-hub"), "key"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status, ok := exit.Sys().(syscall.WaitStatus)
		if ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		s.t.Fatalf("key %v: %v\n%s", args, err, out)
	}
	return false
}

// TestKilledCommands kills a rotation and a re-wrapping at each of their syncs, while a hub serves on the same
// database. Each time every key still opens, and the command, repeated, comes to its end.
func TestKilledCommands(t *testing.T) {
	t.Parallel()
	s := newKeyStory(t)
	data := []string{"--by", "test", "--data", s.lab.Data}
	kills := 0
	for n := 1; s.killedAt(n, pemOf(s.app), append([]string{"rotate", "alipay-demo/app"}, data...)...); n++ {
		kills++
	}
	list := s.list("--data", s.lab.Data)
	states := map[string]int{}
	for _, k := range list {
		if k.Name == "alipay-demo/app" {
			states[k.State]++
		}
	}
	if kills == 0 || states["active"] != 1 || states["verify-only"] != 1 || len(states) != 2 {
		t.Errorf("after %d kills: %v", kills, states)
	}
	s.giveAlipay(&s.app.PublicKey)
	s.pays(pay.Alipay, 60*time.Second)
	must(t, s.lab.Process.Stop())

	old := filepath.Join(s.lab.Data, "keys", "kek.key")
	both := s.config("both.yaml", "vault:\n  kek: file:keys/kek2.key\n  previous: [file:keys/kek.key]\n")
	hub := s.serve(both)
	kills = 0
	moving := map[int]bool{}
	for n := 1; s.killedAt(n, nil, "rekey", "--by", "test", "--config", both); n++ {
		kills++
		keks := map[string]int{}
		for _, k := range s.list("--config", both) {
			keks[k.KEK]++
		}
		moving[len(keks)] = true
		if out, _, err := s.rig.Run(s.ctx, "cashier-hub", "doctor", "--config", both); err != nil || !strings.Contains(string(out), "every sealed key opens") {
			t.Fatalf("after the kill at sync %d: %v\n%s", n, err, out)
		}
		s.pays(pay.Alipay, 20*time.Second)
	}
	if kills < 3 || !moving[2] {
		t.Errorf("%d kills, none in the middle: %v", kills, moving)
	}
	must(t, hub.Stop())
	must(t, os.Remove(old))
	only := s.config("new.yaml", "vault:\n  kek: file:keys/kek2.key\n")
	s.serve(only)
	s.pays(pay.Alipay, 20*time.Second)
	s.pays(pay.WeChat, 20*time.Second)
}
