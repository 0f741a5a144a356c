package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// refused checks that a program ended with a complaint a person can act on.
func refused(t *testing.T, complaint string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, w := range words {
		if !strings.Contains(strings.ToLower(complaint), strings.ToLower(w)) {
			t.Errorf("the complaint does not say %q: %s", w, complaint)
		}
	}
	for _, w := range []string{"panic", "goroutine ", "runtime error"} {
		if strings.Contains(complaint, w) {
			t.Errorf("a crash instead of a complaint: %s", complaint)
		}
	}
}

// TestActivation: a code makes one till, and every refusal says what to do.
func TestActivation(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, time.Minute)
	l := lab(t, ctx, r)
	code, err := l.ActivationCode()
	if err != nil {
		t.Fatal(err)
	}
	activate := func(name, ca, code string) (string, error) {
		_, complaint, err := r.Run(ctx, "cashier-agent", "activate", "--hub", l.API, "--ca", ca, "--code", code, "--data", filepath.Join(r.Dir, name))
		return complaint, err
	}
	typed := strings.ToLower(strings.ReplaceAll(code, "-", "")) // as people type
	if complaint, err := activate("first", l.CA, typed); err != nil {
		t.Fatalf("%v %s", err, complaint)
	}
	for _, c := range []struct {
		name, folder, ca, code string
		words                  []string
	}{
		{"used code", "second", l.CA, code, []string{"used by another"}},
		{"unknown code", "second", l.CA, "0000-0000-0000-0000", []string{"not valid"}},
		{"mistyped code", "second", l.CA, "hello", []string{"type it again"}},
		{"activated folder", "first", l.CA, l.ActivationCodes[1], []string{"activated"}},
		{"another hub's CA", "second", strangersCA(t, r.Dir), l.ActivationCodes[1], []string{"CA"}},
		{"no CA file", "second", "/nowhere.pem", l.ActivationCodes[1], []string{"CA"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			complaint, err := activate(c.folder, c.ca, c.code)
			refused(t, complaint, err, c.words...)
		})
	}
	if complaint, err := activate("second", l.CA, l.ActivationCodes[1]); err != nil {
		t.Errorf("after all the refusals a good code is refused: %s", complaint)
	}
}

// strangersCA writes a CA certificate that did not sign the hub's.
func strangersCA(t *testing.T, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "stranger.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDamage: a damaged journal, a misspelt configuration, a folder that cannot be written.
func TestDamage(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	if err := till.Agent.Stop(); err != nil {
		t.Fatalf("the agent did not stop cleanly: %v", err)
	}
	if err := l.Process.Stop(); err != nil {
		t.Fatalf("the lab did not stop cleanly: %v", err)
	}
	t.Run("journal", func(t *testing.T) {
		damage(t, filepath.Join(till.Data, "journal.db"))
		_, complaint, err := r.Run(ctx, "cashier-agent", "run", "--data", till.Data)
		refused(t, complaint, err, "journal.db")
	})
	t.Run("not activated", func(t *testing.T) {
		_, complaint, err := r.Run(ctx, "cashier-agent", "run", "--data", filepath.Join(r.Dir, "nobody"))
		refused(t, complaint, err, "activate")
	})
	t.Run("unwritable folder", func(t *testing.T) {
		_, complaint, err := r.Run(ctx, "cashier-hub", "lab", "--data", "/proc/cashier")
		refused(t, complaint, err, "/proc/cashier")
	})
	t.Run("configuration", func(t *testing.T) {
		path := filepath.Join(l.Data, "hub.yaml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		misspelt := filepath.Join(l.Data, "misspelt.yaml")
		if err := os.WriteFile(misspelt, append(text, "colour: red\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
		_, complaint, err := r.Run(ctx, "cashier-hub", "serve", "--config", misspelt)
		refused(t, complaint, err, "colour")
	})
	t.Run("database", func(t *testing.T) {
		damage(t, filepath.Join(l.Data, "hub.db"))
		_, complaint, err := r.Run(ctx, "cashier-hub", "serve", "--config", filepath.Join(l.Data, "hub.yaml"))
		refused(t, complaint, err, "hub.db")
	})
}

// damage overwrites the head of a database and takes its log away: what is left is none.
func damage(t *testing.T, path string) {
	t.Helper()
	for _, side := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("damaged ", 1024)), 0); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk: a till whose disk is full ends, saying so, and goes on where it was once there is room. What it
// could not write down was never sent.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 2*time.Minute)
	l := lab(t, ctx, r)
	till, err := r.Activate(ctx, l, "till-1")
	if err != nil {
		t.Fatal(err)
	}
	// No file of the agent may grow beyond 200 KiB: to the journal that is a full disk.
	if err := till.OpenLimited(ctx, 200); err != nil {
		t.Fatal(err)
	}
	sold := 0
	err = rig.Await(ctx, "the journal is full", func() (bool, error) {
		select {
		case <-till.Agent.Done():
			return true, nil
		default:
		}
		code, err := l.Code(ctx, pay.WeChat, "05")
		if err != nil {
			return false, err
		}
		sale, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, OrderNo: fmt.Sprintf("full-%d", sold), Code: code})
		sold++
		_ = sale
		return false, err
	})
	if err != nil {
		t.Fatal(err)
	}
	complaint, err := os.ReadFile(till.Agent.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ended after %d sales: %s", sold, lastLine(complaint))
	refused(t, string(complaint), fmt.Errorf("it ended"), "journal")
	if err := till.Open(ctx); err != nil {
		t.Fatalf("with room again the till does not start: %v", err)
	}
	books := agree(t, ctx, l, []*rig.Till{till})
	if len(books.Hub) == 0 || len(books.Hub) > sold {
		t.Errorf("%d sales were asked for, the hub has %d payments", sold, len(books.Hub))
	}
}

// TestFullDiskAtTheHub: a hub that cannot write ends; started again with room it settles what was open.
func TestFullDiskAtTheHub(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	sandbox, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(r.Dir, "hub")
	l, err := r.StartLabLimited(ctx, 800, data, "--sandbox", sandbox)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	err = rig.Await(ctx, "the hub's disk is full", func() (bool, error) {
		select {
		case <-l.Process.Done():
			return true, nil
		default:
		}
		code, err := l.Code(ctx, pay.Alipay, "06")
		if err != nil {
			return false, err
		}
		asked++
		_, err = l.Pay(ctx, fmt.Sprintf("full-%d", asked), 100, code, 5*time.Second)
		return false, err
	})
	if err != nil {
		t.Fatal(err)
	}
	complaint, err := os.ReadFile(l.Process.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ended after %d payments: %s", asked, lastLine(complaint))
	refused(t, string(complaint), errors.New("it ended"), "hub.db")
	if l, err = r.StartLab(ctx, data, "--sandbox", sandbox); err != nil {
		t.Fatalf("with room again the hub does not start: %v", err)
	}
	books := agree(t, ctx, l, nil)
	if len(books.Hub) == 0 || len(books.Hub) > asked {
		t.Errorf("%d payments were asked for, the hub has %d", asked, len(books.Hub))
	}
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
