package identity

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/shared/fault"
)

const terminal = "trm_01JGJ000000000000000000000"

// hub answers activations the way a hub does; change spoils the answer.
type hub struct {
	t      *testing.T
	server *httptest.Server
	caFile string
	caPEM  []byte
	key    ed25519.PrivateKey // of the CA
	root   *x509.Certificate

	mu     sync.Mutex
	codes  []string
	keys   []ed25519.PublicKey
	change func(w http.ResponseWriter, answer map[string]any) (done bool)
}

func newHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{t: t}
	_, h.key, _ = ed25519.GenerateKey(rand.Reader)
	h.root = &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	h.root = h.issue(h.root, h.key.Public())
	h.caPEM = encode(h.root)
	h.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(h.caFile, h.caPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	cert := h.issue(&x509.Certificate{SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, key.Public())
	h.server = httptest.NewUnstartedServer(h)
	h.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	return h
}

func (h *hub) issue(template *x509.Certificate, public any) *x509.Certificate {
	h.t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, h.root, public, h.key)
	if err != nil {
		h.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		h.t.Fatal(err)
	}
	return cert
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked map[string]string
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.Method != http.MethodPost || r.URL.Path != "/terminal/v1/activate" || len(asked) != 2 {
		h.t.Errorf("%s %s %v %v", r.Method, r.URL, asked, err)
	}
	block, _ := pem.Decode([]byte(asked["csr"]))
	if block == nil {
		h.t.Fatal("no CSR")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		h.t.Errorf("CSR: %v", err)
	}
	h.mu.Lock()
	h.codes, h.keys = append(h.codes, asked["code"]), append(h.keys, csr.PublicKey.(ed25519.PublicKey))
	change := h.change
	h.mu.Unlock()
	leaf := h.issue(&x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: terminal}}, csr.PublicKey)
	answer := map[string]any{"terminal": terminal, "merchant": "mer_1", "store": "sto_1", "certificate": string(encode(leaf)) + string(h.caPEM),
		"ca": string(h.caPEM), "mqtt": "mqtts://127.0.0.1:8883", "hub_key": base64.StdEncoding.EncodeToString(h.key.Public().(ed25519.PublicKey))}
	if change == nil || !change(w, answer) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (h *hub) request(dir string) Request {
	return Request{HubURL: h.server.URL, CAFile: h.caFile, Code: " K7QM-2X9V ", Dir: dir, Now: time.Now}
}

func TestActivateAndLoad(t *testing.T) {
	h := newHub(t)
	dir := filepath.Join(t.TempDir(), "data", "till")
	if _, err := Load(dir); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Load before: %v", err)
	}
	made, err := Activate(t.Context(), h.request(dir))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, who := range map[string]Identity{"made": made, "loaded": loaded} {
		if who.Terminal != terminal || who.Merchant != "mer_1" || who.Store != "sto_1" || who.MQTT != "127.0.0.1:8883" ||
			!who.HubKey.Equal(h.key.Public()) || !who.SigningKey.Equal(made.SigningKey) || len(who.Certificate.Certificate) != 2 ||
			!who.SigningKey.Public().(ed25519.PublicKey).Equal(who.Certificate.Leaf.PublicKey) {
			t.Errorf("%s: %+v", name, who.Terminal)
		}
		if _, err := h.server.Certificate().Verify(x509.VerifyOptions{Roots: who.CA}); err != nil {
			t.Errorf("%s: CA: %v", name, err)
		}
	}
	if h.codes[0] != "K7QM-2X9V" || !h.keys[0].Equal(made.SigningKey.Public()) {
		t.Errorf("the hub was shown %v", h.codes)
	}
	for name, want := range map[string]fs.FileMode{".": 0o700 | fs.ModeDir, keyFile: 0o600, certFile: 0o600, caFile: 0o600, identityFile: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	before := snapshot(t, dir)
	if _, err := Activate(t.Context(), h.request(dir)); fault.KindOf(err) != fault.Conflict {
		t.Errorf("Activate again: %v", err)
	}
	if len(h.codes) != 1 || snapshot(t, dir) != before {
		t.Error("an activated folder was touched")
	}
}

// TestMQTTAddress: hubs give it with its scheme or without.
func TestMQTTAddress(t *testing.T) {
	for _, address := range []string{"mqtts://hub.test:8883", "hub.test:8883"} {
		h := newHub(t)
		h.change = func(_ http.ResponseWriter, answer map[string]any) bool { answer["mqtt"] = address; return false }
		if who, err := Activate(t.Context(), h.request(t.TempDir())); err != nil || who.MQTT != "hub.test:8883" {
			t.Errorf("%s: %q, %v", address, who.MQTT, err)
		}
	}
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		fmt.Fprintln(&b, e.Name(), string(data), err)
	}
	return b.String()
}

// TestFailuresCanBeRepeated: after each of them the same command activates, with the same key.
func TestFailuresCanBeRepeated(t *testing.T) {
	put := func(field string, value any) func(http.ResponseWriter, map[string]any) bool {
		return func(_ http.ResponseWriter, answer map[string]any) bool { answer[field] = value; return false }
	}
	say := func(status int, body string) func(http.ResponseWriter, map[string]any) bool {
		return func(w http.ResponseWriter, _ map[string]any) bool {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	problem := `{"title":"Denied","status":403,"detail":"this activation code was used by another device: ask for a new one","code":"activation.used"}`
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	for name, c := range map[string]struct {
		change func(http.ResponseWriter, map[string]any) bool
		kind   fault.Kind
		code   string
		says   string
	}{
		"line cut":         {func(http.ResponseWriter, map[string]any) bool { panic(http.ErrAbortHandler) }, fault.InDoubt, "activate.unreachable", "the same command again"},
		"refused":          {say(403, problem), fault.Denied, "activation.used", "ask for a new one"},
		"refused by title": {say(422, `{"title":"Bad code"}`), fault.Invalid, "activate.refused", "Bad code"},
		"conflict":         {say(409, problem), fault.Conflict, "activation.used", "ask"},
		"too many":         {say(429, problem), fault.Unavailable, "activation.used", "ask"},
		"hub broken":       {say(500, "oops"), fault.InDoubt, "activate.refused", "status 500"},
		"redirect": {func(w http.ResponseWriter, _ map[string]any) bool {
			w.Header().Set("Location", "https://evil.test/")
			w.WriteHeader(307)
			return true
		}, fault.Invalid, "activate.refused", "status 307"},
		"no JSON":            {say(200, "<html>"), fault.InDoubt, "activate.answer", "makes no sense"},
		"endless":            {say(200, strings.Repeat(" ", maxAnswer+1)), fault.InDoubt, "activate.answer", "too long"},
		"empty":              {say(200, "{}"), fault.Invalid, "activate.answer", ""},
		"terminal malformed": {put("terminal", "../../etc"), fault.Invalid, "activate.answer", ""},
		"another terminal":   {put("terminal", "trm_01JGJ000000000000000000001"), fault.Invalid, "activate.answer", ""},
		"short hub key":      {put("hub_key", "AAAA"), fault.Invalid, "activate.answer", ""},
		"no certificate":     {put("certificate", "x"), fault.Invalid, "activate.answer", ""},
		"no CA":              {put("ca", "x"), fault.Invalid, "activate.answer", ""},
		"plain MQTT":         {put("mqtt", "mqtt://127.0.0.1:1883"), fault.Invalid, "activate.answer", ""},
		"MQTT path":          {put("mqtt", "mqtts://127.0.0.1/x:8883"), fault.Invalid, "activate.answer", ""},
		"MQTT without port":  {put("mqtt", "mqtts://127.0.0.1"), fault.Invalid, "activate.answer", ""},
		"another's certificate": {func(_ http.ResponseWriter, answer map[string]any) bool {
			h := newHub(t)
			answer["certificate"] = string(encode(h.issue(&x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: terminal}}, stranger.Public())))
			return false
		}, fault.Invalid, "activate.answer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			dir := t.TempDir()
			h.change = c.change
			_, err := Activate(t.Context(), h.request(dir))
			if err == nil || fault.KindOf(err) != c.kind || fault.CodeOf(err) != c.code || !strings.Contains(fault.MessageOf(err), c.says) {
				t.Fatalf("%v (%v, %s), want %v, %s, %q", err, fault.KindOf(err), fault.CodeOf(err), c.kind, c.code, c.says)
			}
			if _, err := Load(dir); fault.KindOf(err) != fault.NotFound {
				t.Errorf("Load after the failure: %v", err)
			}
			h.change = nil
			who, err := Activate(t.Context(), h.request(dir))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(h.keys); !h.keys[0].Equal(who.SigningKey.Public()) || !h.keys[n-1].Equal(h.keys[0]) {
				t.Error("another key was used")
			}
		})
	}
}

// TestCrashPoints cuts the power after each file: the next start asks again with the same key, and
// a half-written folder never loads.
func TestCrashPoints(t *testing.T) {
	h := newHub(t)
	whole := t.TempDir()
	if _, err := Activate(t.Context(), h.request(whole)); err != nil {
		t.Fatal(err)
	}
	files := []string{keyFile, certFile, caFile, identityFile}
	for n := range files { // n files made it to the disk, and a piece of the next
		dir := t.TempDir()
		for _, name := range files[:n] {
			data, err := os.ReadFile(filepath.Join(whole, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "."+files[n]+".123"), []byte("-----BEG"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%d files load: %v", n, err)
		}
		who, err := Activate(t.Context(), h.request(dir))
		if err != nil {
			t.Errorf("%d files: %v", n, err)
			continue
		}
		if same := h.keys[len(h.keys)-1].Equal(h.keys[0]); same != (n > 0) {
			t.Errorf("%d files: same key = %v", n, same)
		}
		if again, err := Load(dir); err != nil || !again.SigningKey.Equal(who.SigningKey) {
			t.Errorf("%d files: %v", n, err)
		}
	}
}

func TestLoadRefusesADamagedFolder(t *testing.T) {
	h := newHub(t)
	whole := t.TempDir()
	if _, err := Activate(t.Context(), h.request(whole)); err != nil {
		t.Fatal(err)
	}
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	der, _ := x509.MarshalPKCS8PrivateKey(other)
	for name, c := range map[string]struct {
		file string
		data []byte // nil: missing
		mode fs.FileMode
	}{
		"no key":             {keyFile, nil, 0},
		"another key":        {keyFile, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), 0o600},
		"key damaged":        {keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{0, 0, 0}}), 0o600},
		"key empty":          {keyFile, []byte{}, 0o600},
		"key open to others": {keyFile, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), 0o640},
		"no certificate":     {certFile, nil, 0},
		"no CA":              {caFile, nil, 0},
		"CA empty":           {caFile, []byte{}, 0o600},
		"identity damaged":   {identityFile, []byte(`{"terminal":`), 0o600},
		"identity empty":     {identityFile, []byte(`{}`), 0o600},
	} {
		dir := filepath.Join(t.TempDir(), "till")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{keyFile, certFile, caFile, identityFile} {
			if err := os.Chmod(filepath.Join(dir, f), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Load(dir); err != nil {
			t.Fatalf("the copy does not load: %v", err)
		}
		path := filepath.Join(dir, c.file)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if c.data != nil {
			if err := os.WriteFile(path, c.data, c.mode); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(dir)
		if err == nil || fault.KindOf(err) == fault.NotFound {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if bytes.Contains([]byte(err.Error()), []byte("AAAA")) {
			t.Errorf("%s: the error shows what the key file holds", name)
		}
	}
}

func TestRequestIsChecked(t *testing.T) {
	h := newHub(t)
	other := newHub(t)
	for name, c := range map[string]struct {
		change func(*Request)
		code   string
		says   string
	}{
		"plain HTTP":    {func(r *Request) { r.HubURL = strings.Replace(r.HubURL, "https", "http", 1) }, "activate.hub", "https"},
		"no host":       {func(r *Request) { r.HubURL = "https://" }, "activate.hub", "https"},
		"no code":       {func(r *Request) { r.Code = " " }, "activate.code", "portal"},
		"no CA file":    {func(r *Request) { r.CAFile += "x" }, "activate.ca", "copy it"},
		"CA file of no": {func(r *Request) { r.CAFile = filepath.Join(r.Dir, keyFile) }, "activate.ca", "PEM"},
		"another CA":    {func(r *Request) { r.CAFile = other.caFile }, "activate.unreachable", "not this hub's"},
		"clock of 1970": {func(r *Request) { r.Now = func() time.Time { return time.Unix(0, 0) } }, "activate.unreachable", "clock"},
		"nobody there":  {func(r *Request) { r.HubURL = "https://127.0.0.1:1" }, "activate.unreachable", "network"},
	} {
		r := h.request(t.TempDir())
		c.change(&r)
		if _, err := Activate(t.Context(), r); fault.CodeOf(err) != c.code || !strings.Contains(fault.MessageOf(err), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(h.codes) != 0 {
		t.Errorf("the hub was asked: %v", h.codes)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Activate(gone, h.request(t.TempDir())); err == nil {
		t.Error("activated after the context ended")
	}
}
