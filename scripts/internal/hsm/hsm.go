// Package hsm is a SoftHSM token in a folder of its own, inside the process that loads its module, or in a process of
// its own behind p11-kit.
//
// It refuses to leave anything behind: the server dies with whoever started it, and keys are handed to the token
// through a file that is gone afterwards. Newcomers get one thing wrong: both ways are chosen by the environment
// of the process that loads the module, [Token.Env].
package hsm

import (
	"bufio"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Module is where Debian puts SoftHSM.
const Module = "/usr/lib/softhsm/libsofthsm2.so"

// What every token here is called and opened with.
const (
	Label = "lab"
	PIN   = "271828"
)

// Token is an initialised token.
type Token struct {
	dir    string
	server *exec.Cmd // nil: none was started
	Pin    string    // file
}

// New initialises a token in the folder, which is made.
func New(ctx context.Context, dir string) (*Token, error) {
	t := &Token{dir: dir, Pin: filepath.Join(dir, "pin")}
	if err := os.MkdirAll(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return nil, fmt.Errorf("make the token's folder: %w", err)
	}
	for path, text := range map[string]string{t.conf(): "directories.tokendir = " + dir + "/tokens\nlog.level = ERROR\n", t.Pin: PIN + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("write the token's configuration: %w", err)
		}
	}
	return t, t.tool(ctx, "--init-token", "--free", "--label", Label, "--so-pin", "31415926", "--pin", PIN)
}

func (t *Token) conf() string   { return filepath.Join(t.dir, "softhsm2.conf") }
func (t *Token) socket() string { return filepath.Join(t.dir, "s") } // short: a socket's path has 107 bytes at most

// Env is what the process that uses the token must have in its environment.
func (t *Token) Env() map[string]string {
	return map[string]string{"SOFTHSM2_CONF": t.conf(), "P11_KIT_SERVER_ADDRESS": "unix:path=" + t.socket()}
}

func (t *Token) environ() []string {
	return append(os.Environ(), "SOFTHSM2_CONF="+t.conf())
}

func (t *Token) tool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "softhsm2-util", args...)
	cmd.Env = t.environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("softhsm2-util (run scripts/setup.sh if it is missing): %w: %s", err, out)
	}
	return nil
}

// Import gives the token a key pair, as its owner does. The id is in hex.
func (t *Token) Import(ctx context.Context, key *rsa.PrivateKey, id string) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	path := filepath.Join(t.dir, "import.pem")
	defer os.Remove(path)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE " + "KEY", Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("hand over a key: %w", err)
	}
	return t.tool(ctx, "--import", path, "--token", Label, "--label", id, "--id", id, "--pin", PIN)
}

// Serve holds the token in a process of its own and gives the module that reaches it. Close ends it.
func (t *Token) Serve() (module string, err error) {
	modules, err := filepath.Glob("/usr/lib/*/pkcs11/p11-kit-client.so")
	if err != nil || len(modules) == 0 {
		return "", fmt.Errorf("no p11-kit-client.so: run scripts/setup.sh")
	}
	t.server = exec.Command("p11-kit", "server", "-f", "--provider", Module, "--name", t.socket(), "pkcs11:token="+Label)
	t.server.Env = t.environ()
	t.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := t.server.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("start the token's process: %w", err)
	}
	if err := t.server.Start(); err != nil {
		t.server = nil
		return "", fmt.Errorf("start the token's process: %w", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // said once it listens
		t.Close()
		return "", fmt.Errorf("the token's process says nothing: %w", err)
	}
	return modules[0], nil
}

// Close ends the token's process and those it made, one for each that uses it.
func (t *Token) Close() {
	if t.server != nil {
		_ = syscall.Kill(-t.server.Process.Pid, syscall.SIGKILL)
		_ = t.server.Wait() // it was killed
		t.server = nil
	}
}
