package token_test

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"cloudcashier/hub/internal/vault/token"
)

// Where Debian puts SoftHSM, and the module that speaks to another process.
const (
	softHSM = "/usr/lib/softhsm/libsofthsm2.so"
	remote  = "/usr/lib/*/pkcs11/p11-kit-client.so"
	pin     = "271828"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newHSM initialises a SoftHSM token called "lab" in a folder of its own.
func newHSM(t testing.TB) token.Config {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	must(t, os.Mkdir(filepath.Join(dir, "tokens"), 0o700))
	must(t, os.WriteFile(conf, []byte("directories.tokendir = "+dir+"/tokens\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	tool(t, "--init-token", "--free", "--label", "lab", "--so-pin", "31415926", "--pin", pin)
	return token.Config{Module: softHSM, Label: "lab", PIN: pin}
}

func tool(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util %v: %v\n%s", args, err, out)
	}
}

// give imports a key pair into the token, as its owner does.
func give(t testing.TB, key *rsa.PrivateKey, label, id string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	path := filepath.Join(t.TempDir(), "key.pem")
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE " + "KEY", Bytes: der}), 0o600))
	tool(t, "--import", path, "--token", "lab", "--label", label, "--id", id, "--pin", pin)
}

func open(t testing.TB, cfg token.Config) *token.Token {
	t.Helper()
	tok, err := token.Open(cfg)
	must(t, err)
	t.Cleanup(tok.Close)
	return tok
}

// server is a p11-kit that holds the token in a process of its own.
type server struct {
	t      testing.TB
	socket string
	cmd    *exec.Cmd
}

// serve starts one; the module of the config then reaches it.
func serve(t testing.TB, cfg *token.Config) *server {
	t.Helper()
	found, err := filepath.Glob(remote)
	if err != nil || len(found) == 0 {
		t.Fatalf("no p11-kit-client.so: run scripts/setup.sh: %v", err)
	}
	cfg.Module = found[0]
	dir, err := os.MkdirTemp("", "p11") // short: it holds a socket
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{t: t, socket: filepath.Join(dir, "s")}
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+s.socket)
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command("p11-kit", "server", "-f", "--provider", softHSM, "--name", s.socket, "pkcs11:token=lab")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	must(s.t, err)
	must(s.t, s.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n') // printed once it listens
	if err != nil || !strings.Contains(line, s.socket) {
		s.t.Fatalf("p11-kit server: %q, %v", line, err)
	}
}

// kill ends the server and its process for each connection.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
	_ = os.Remove(s.socket)
	s.cmd = nil
}
