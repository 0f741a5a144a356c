package e2e

import (
	"bufio"
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

func (s *keyStory) needles() []needle {
	return slices.Concat(ofText("the APIv2 key", []byte(s.apiKey)), ofRSA("the client key", s.client), ofRSA("the UnionPay key", s.union),
		ofRSA("the Alipay key", s.app))
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
	if hits := append(found(out, "the output", s.needles()), found(complaint.Bytes(), "the complaint", s.needles())...); hits != nil {
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
// or backup; the process's memory is closed to its own user.
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

// hsm is a SoftHSM token in a process of its own, reached through p11-kit.
func (s *keyStory) hsm() (module string) {
	s.t.Helper()
	dir := filepath.Join(s.rig.Dir, "hsm")
	must(s.t, os.MkdirAll(filepath.Join(dir, "tokens"), 0o700))
	conf := filepath.Join(dir, "softhsm2.conf")
	must(s.t, os.WriteFile(conf, []byte("directories.tokendir = "+dir+"/tokens\nlog.level = ERROR\n"), 0o600))
	must(s.t, os.WriteFile(filepath.Join(dir, "pin"), []byte("271828\n"), 0o600))
	tool := func(args ...string) {
		cmd := exec.CommandContext(s.ctx, "softhsm2-util", args...)
		cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
		out, err := cmd.CombinedOutput()
		if err != nil {
			s.t.Fatalf("softhsm2-util: %v\n%s", err, out)
		}
	}
	tool("--init-token", "--free", "--label", "lab", "--so-pin", "31415926", "--pin", "271828")
	for label, key := range map[string]*rsa.PrivateKey{"a1": s.app, "c1": s.client, "d1": s.union} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		must(s.t, err)
		path := filepath.Join(dir, "import.pem")
		must(s.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE " + "KEY", Bytes: der}), 0o600))
		tool("--import", path, "--token", "lab", "--label", label, "--id", label, "--pin", "271828")
		must(s.t, os.Remove(path))
	}
	socket := filepath.Join(dir, "s")
	server := exec.Command("p11-kit", "server", "-f", "--provider", "/usr/lib/softhsm/libsofthsm2.so", "--name", socket, "pkcs11:token=lab")
	server.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := server.StdoutPipe()
	must(s.t, err)
	must(s.t, server.Start())
	s.t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
	})
	_, err = bufio.NewReader(out).ReadString('\n') // said once it listens
	must(s.t, err)
	s.t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+socket)
	modules, err := filepath.Glob("/usr/lib/*/pkcs11/p11-kit-client.so")
	if err != nil || len(modules) == 0 {
		s.t.Fatalf("no p11-kit-client.so: run scripts/setup.sh: %v", err)
	}
	return modules[0]
}

// TestNoKeyInMemory: with the keys in a token, a hub under load holds no byte of them. With the keys sealed in its
// database it must, and the search finds them, so that finding nothing means something.
func TestNoKeyInMemory(t *testing.T) {
	s := newKeyStory(t) // not parallel: the token is named by the environment
	must(t, s.lab.Process.Stop())
	module := s.hsm()
	s.giveAlipay(&s.app.PublicKey)
	const lines = "vault:\n  signing: %s\n  token:\n    module: %s\n    label: lab\n    pin: file:%s\n"
	pin := filepath.Join(s.rig.Dir, "hsm", "pin")
	config := s.config("token.yaml", fmt.Sprintf(lines, "pkcs11", module, pin))
	for name, label := range map[string]string{"alipay-demo/app": "a1", "wechat-demo/client": "c1", "unionpay-demo/sign": "d1"} {
		_, err := s.key(nil, "rotate", name, "--token-label", label, "--by", "test", "--config", config)
		must(t, err)
		_, err = s.key(nil, "retire", name, "--version", "1", "--by", "test", "--config", config)
		must(t, err)
	}
	look := func(p *rig.Process) (hits []string) {
		t.Helper()
		s.pays(pay.Alipay, 20*time.Second)
		s.pays(pay.UnionPay, 20*time.Second)
		stop := s.load()
		defer func() {
			if paid := stop(); paid == 0 {
				t.Error("nothing was paid")
			}
		}()
		s.pays(pay.Alipay, 20*time.Second)
		hits, looked, readable := inMemory(t, p.PID(), s.needles())
		if !readable && os.Geteuid() == 0 {
			t.Log("this system forbids even root to read a process's memory")
		}
		if readable && looked < 10<<20 {
			t.Errorf("only %d bytes were looked at", looked)
		}
		t.Logf("%d MiB of memory, %d hits", looked>>20, len(hits))
		if !readable {
			return []string{"closed"}
		}
		if os.Geteuid() != 0 {
			t.Error("the hub's memory is open to its own user")
		}
		return hits
	}
	hub := s.serve(config)
	inToken := look(hub)
	must(t, hub.Stop())
	_, err := s.key(pemOf(s.app), "rotate", "alipay-demo/app", "--by", "test", "--config", config)
	must(t, err)
	hub = s.serve(s.config("sealed.yaml", fmt.Sprintf(lines, "openssl", module, pin)))
	sealed := look(hub)
	must(t, hub.Stop())
	if inToken[0] == "closed" {
		return // not even its own user may look: there is nothing to compare
	}
	rsaOnly := func(hits []string) (list []string) {
		for _, h := range hits {
			if !strings.HasPrefix(h, "the APIv2 key") { // WeChat Pay v2 signs with the text itself: it must be there
				list = append(list, h)
			}
		}
		return list
	}
	if hits := rsaOnly(inToken); len(hits) > 0 || len(inToken) == 0 {
		t.Errorf("keys of the token are in memory: %v", hits)
	}
	if hits := rsaOnly(sealed); len(hits) == 0 {
		t.Error("the search does not find a key that signs")
	}
}
