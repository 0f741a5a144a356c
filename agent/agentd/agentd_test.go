package agentd_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/agentd"
	"cloudcashier/agent/internal/identity"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

const code = "130000000000000042"

// activated makes a till's folder with a hub that certifies it and then is gone.
func activated(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "till") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	terminal := id.NewSource(time.Now, nil).New(id.Terminal)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, public, private)
	if err != nil {
		t.Fatal(err)
	}
	hub := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Code, CSR string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		block, _ := pem.Decode([]byte(asked.CSR))
		csr, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			t.Error(err)
			return
		}
		leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: terminal},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour)}, ca, csr.PublicKey, private)
		if err != nil {
			t.Error(err)
		}
		encoded := func(der []byte) string {
			return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"terminal": terminal, "merchant": "mer_1", "store": "sto_1",
			"certificate": encoded(leaf), "ca": encoded(caDER), "mqtt": "mqtts://127.0.0.1:1", "hub_key": []byte(public)})
	}))
	defer hub.Close()
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hub.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.Activate(t.Context(), identity.Request{HubURL: hub.URL, CAFile: caFile, Code: "X", Dir: dir, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// journal of log lines, with a signal for the one that says that the agent is ready.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder
	ready chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(p, []byte(`msg="agent ready"`)) {
		l.ready <- struct{}{}
	}
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func world(log io.Writer) agentd.Deps {
	return agentd.Deps{Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)), Rand: mathrand.New(mathrand.NewPCG(1, 2)), Entropy: rand.Reader}
}

// start runs an agent and waits until it is ready; stop ends it.
func start(t *testing.T, dir string) (client *api.Client, log *lines, stop func()) {
	t.Helper()
	log = &lines{ready: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- agentd.Run(ctx, agentd.Config{Dir: dir, Version: "1.2.3"}, world(log)) }()
	select {
	case <-log.ready:
	case err := <-ended:
		t.Fatalf("the agent ended: %v\n%s", err, log)
	}
	client = api.NewClient(filepath.Join(dir, "agent.sock"))
	return client, log, func() {
		t.Helper()
		client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	}
}

func TestATillWithoutItsHub(t *testing.T) {
	dir := activated(t)
	client, log, stop := start(t, dir)
	ctx := t.Context()
	sold, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "A-1", Code: code})
	if err != nil || sold.State != api.StateSending || sold.Reason != "link_down" {
		t.Fatalf("%+v, %v", sold, err)
	}
	waits, err := client.NewSale(ctx, api.NewSale{Amount: 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := agentd.Run(ctx, agentd.Config{Dir: dir}, world(io.Discard)); fault.CodeOf(err) != "agent.running" {
		t.Errorf("a second agent on one folder: %v", err)
	}
	status, err := client.Status(ctx)
	if err != nil || status.Link != "down" || status.Queue != 1 || status.OpenSales != 2 || status.Version != "1.2.3" || status.Store != "sto_1" {
		t.Errorf("%+v, %v", status, err)
	}
	wantChecks(t, dir, map[string]agentd.Verdict{"activation": agentd.OK, "certificate": agentd.OK, "journal": agentd.Warn,
		"disk": agentd.OK, "agent": agentd.Fail, "hub": agentd.Fail, "clock": agentd.Warn})
	stop()

	client, again, stop := start(t, dir)
	got, err := client.Sale(ctx, sold.ID)
	if err != nil || got.State != api.StateUnknown || got.Outcome != pay.Unknown {
		t.Errorf("after a restart nobody can know: %+v, %v", got, err)
	}
	if got, err := client.Sale(ctx, waits.ID); err != nil || got.State != api.StateWaiting {
		t.Errorf("%+v, %v", got, err)
	}
	if repeated, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "A-1", Code: code}); err != nil || repeated.ID != sold.ID {
		t.Errorf("the code made another attempt: %+v, %v", repeated, err)
	}
	stop()

	var out bytes.Buffer
	if err := agentd.Export(dir, &out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, `"id":"`+sold.ID+`"`) || !strings.Contains(text, `"event":"restart"`) {
		t.Error(text)
	}
	for what, text := range map[string]string{"export": out.String(), "log": log.String() + again.String()} {
		if strings.Contains(text, code) {
			t.Errorf("the %s holds the code", what)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if data, err := os.ReadFile(name); err != nil || bytes.Contains(data, []byte(code)) {
			t.Errorf("%s holds the code, or %v", name, err)
		}
	}
	wantChecks(t, dir, map[string]agentd.Verdict{"agent": agentd.Warn, "journal": agentd.Warn})
}

func wantChecks(t *testing.T, dir string, want map[string]agentd.Verdict) {
	t.Helper()
	got := map[string]agentd.Check{}
	for _, c := range agentd.Doctor(t.Context(), agentd.Config{Dir: dir, Scanners: []string{"/nowhere*"}}, world(io.Discard)) {
		got[c.Name] = c
		if c.Found == "" || (c.Verdict == agentd.OK) != (c.Do == "") {
			t.Errorf("%+v does not say what was found or what to do", c)
		}
	}
	for name, verdict := range want {
		if got[name].Verdict != verdict {
			t.Errorf("%s is %+v, want %s", name, got[name], verdict)
		}
	}
}

func TestAFolderThatIsNoTill(t *testing.T) {
	dir := t.TempDir()
	if err := agentd.Run(t.Context(), agentd.Config{Dir: dir}, world(io.Discard)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("it runs: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("something was written: %v", files)
	}
	wantChecks(t, dir, map[string]agentd.Verdict{"activation": agentd.Fail, "journal": agentd.Warn, "scanner /nowhere*": agentd.Fail})
	wantChecks(t, filepath.Join(dir, "none"), map[string]agentd.Verdict{"folder": agentd.Fail, "disk": agentd.Fail})
}
