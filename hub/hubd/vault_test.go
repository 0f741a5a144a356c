package hubd

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/store"
	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

var testKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

func privatePEM(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE " + "KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func publicPEM(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func testDeps() Deps {
	return Deps{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// vaultConfig is a hub with one Alipay channel whose keys are in the vault.
func vaultConfig(t *testing.T) Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "hubd") // short: the folder holds a socket
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return Config{Data: dir, HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", Hosts: []string{"127.0.0.1"}, Channels: []ChannelConfig{{Name: "a", Wallet: pay.Alipay,
		URL: "https://127.0.0.1:1/gateway.do", Alipay: &AlipayConfig{AppID: "2014072300007148", SellerID: "2088101106499364", Key: "vault:a/app", WalletKey: "vault:a/wallet"}}}}
}

func alipayKeys(t *testing.T) []KeyInput {
	return []KeyInput{{Name: "a/app", Kind: "rsa", Channel: "a", Text: privatePEM(testKeys()[0]), By: "test"},
		{Name: "a/wallet", Kind: "public", Channel: "a", Text: publicPEM(t, testKeys()[1]), By: "test"}}
}

// opens opens a hub and closes it again.
func opens(cfg Config, deps Deps) error {
	h, err := Open(cfg, deps)
	if err == nil {
		err = h.Close()
	}
	return err
}

func TestAHubNeedsTheKeysThatItsChannelsName(t *testing.T) {
	cfg := vaultConfig(t)
	wantCode(t, opens(cfg, testDeps()), "vault.unknown")
	must(t, KeepKeys(cfg, testDeps(), alipayKeys(t)))
	must(t, KeepKeys(cfg, testDeps(), alipayKeys(t))) // again: nothing changes
	must(t, opens(cfg, testDeps()))
	list, err := WalletKeys(cfg.DatabaseFile())
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	app, err := MintKey(cfg, testDeps(), KeyInput{Name: "a/app"}, func() ([]byte, error) { t.Error("a key that is there was made anew"); return nil, nil })
	if err != nil || app.PublicKey != string(publicPEM(t, testKeys()[0])) {
		t.Errorf("public half: %v", err)
	}
	for how, change := range map[string]func(c *Config){
		"another channel's key":  func(c *Config) { c.Channels[0].Name = "b" },
		"another merchant's key": func(c *Config) { c.Channels[0].Merchant = "mer_1" },
		"a key of another kind":  func(c *Config) { c.Channels[0].Alipay.Key = "vault:a/wallet" },
	} {
		other := cfg
		other.Channels = []ChannelConfig{cfg.Channels[0]}
		alipay := *cfg.Channels[0].Alipay
		other.Channels[0].Alipay = &alipay
		change(&other)
		if err := opens(other, testDeps()); fault.CodeOf(err) != "vault.foreign" {
			t.Errorf("%s: %v", how, err)
		}
	}
	must(t, cfg.Save(filepath.Join(cfg.Data, "hub.yaml")))
	for _, f := range Examine(t.Context(), filepath.Join(cfg.Data, "hub.yaml"), testDeps()) {
		if strings.Contains(f.Check, "keys") && f.State != "ok" {
			t.Errorf("doctor: %+v", f)
		}
	}
}

// TestARotationNeedsNoRestart: the running hub takes over what an operator's command wrote.
func TestARotationNeedsNoRestart(t *testing.T) {
	cfg := vaultConfig(t)
	must(t, KeepKeys(cfg, testDeps(), alipayKeys(t)))
	h, err := Open(cfg, testDeps())
	must(t, err)
	runHub(t, h)
	serves(t, h)
	signer, err := h.wallets.vault.Signer(vault.Ref{Name: "a/app", Channel: "a"})
	must(t, err)
	_, err = RotateKey(cfg, testDeps(), KeyInput{Name: "a/app", Kind: "rsa", Text: privatePEM(testKeys()[1]), By: "test"})
	must(t, err)
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !testKeys()[1].PublicKey.Equal(signer.Public()) {
		select {
		case <-deadline:
			t.Fatal("the hub still signs with the old key")
		case <-tick.C:
		}
	}
}

func TestTheKEKsFile(t *testing.T) {
	cfg := vaultConfig(t)
	must(t, KeepKeys(cfg, testDeps(), alipayKeys(t)))
	path := filepath.Join(cfg.Data, "keys", "kek.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Fatalf("%v, %v", info, err)
	}
	must(t, os.Chmod(path, 0o640))
	wantCode(t, opens(cfg, testDeps()), "vault.mode")
	must(t, os.Chmod(path, 0o600))
	raw, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Remove(path))
	wantCode(t, opens(cfg, testDeps()), "vault.kek")
	if _, err := os.Stat(path); err == nil {
		t.Error("a lost KEK was replaced by a new one, which opens nothing")
	}
	must(t, os.WriteFile(path, make([]byte, 32), 0o600))
	wantCode(t, opens(cfg, testDeps()), "vault.kek")
	must(t, os.WriteFile(path, raw[:31], 0o600))
	wantCode(t, opens(cfg, testDeps()), "vault.kek")

	// The same key from the service manager's secrets, as text.
	must(t, os.Remove(path))
	deps := testDeps()
	deps.Credentials = t.TempDir()
	must(t, os.WriteFile(filepath.Join(deps.Credentials, "kek"), []byte(base64.StdEncoding.EncodeToString(raw)+"\n"), 0o400))
	cfg.Vault.KEK = "credential:kek"
	must(t, opens(cfg, deps))
	wantCode(t, opens(cfg, testDeps()), "vault.credential")
	cfg.Vault.KEK = "credential:../kek"
	wantCode(t, opens(cfg, deps), "vault.credential")

	// And on to a file again, by rekey: only then is the new one made.
	cfg.Vault = VaultConfig{KEK: "file:" + path}
	wantCode(t, opens(cfg, deps), "vault.kek")
	cfg.Vault.Previous = []string{"credential:kek"}
	if done, err := Rekey(cfg, deps, "test"); err != nil || done.Moved != 2 {
		t.Fatalf("rekey: %+v, %v", done, err)
	}
	cfg.Vault.Previous = nil
	must(t, opens(cfg, testDeps()))
	_, err = RetireKey(cfg, testDeps(), "a/app", 1, "test")
	must(t, err)
	if err := opens(cfg, testDeps()); err == nil {
		t.Error("a channel opens with a retired key")
	}
}

func TestVaultConfigIsChecked(t *testing.T) {
	for want, v := range map[string]VaultConfig{
		"vault.kek":     {KEK: "elsewhere:x"},
		"place":         {Previous: []string{""}},
		"vault.token":   {KEK: "token:kek"},
		"vault.signing": {Signing: "fast"},
		"the pin":       {Token: &TokenConfig{Module: "m", Label: "l", PIN: "1234"}},
		"wants a token": {Signing: "pkcs11"},
	} {
		cfg := vaultConfig(t)
		cfg.Vault = v
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "1234") {
			t.Errorf("%+v: %v", v, err)
		}
	}
}

// TestTheMerchantsCertificate signs TLS handshakes with a key that stays in the vault, as a reversal at WeChat does.
func TestTheMerchantsCertificate(t *testing.T) {
	key := testKeys()[0]
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "1900000109"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	cfg := vaultConfig(t)
	must(t, KeepKeys(cfg, testDeps(), []KeyInput{{Name: "cert", Kind: "certificate", Channel: "w", Text: chain, By: "test"},
		{Name: "key", Kind: "rsa", Channel: "w", Text: privatePEM(key), By: "test"}, {Name: "other", Kind: "rsa", Channel: "w", Text: privatePEM(testKeys()[1]), By: "test"}}))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	for _, signing := range []string{"go", "openssl"} {
		cfg.Vault.Signing = signing
		s, err := store.Open(cfg.DatabaseFile(), time.Now)
		must(t, err)
		k, err := loadKeys(filepath.Join(cfg.Data, "keys"), rand.Reader, time.Now())
		must(t, err)
		w, err := openWalletKeys(cfg, testDeps(), k, s)
		must(t, err)
		c := chest{w.vault, ChannelConfig{Name: "w"}}
		_, err = c.certificate("vault:cert", "vault:other")
		wantCode(t, err, "channel.cert")
		cert, err := c.certificate("vault:cert", "vault:key")
		must(t, err)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			conf := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			conf.Certificates, conf.MaxVersion = []tls.Certificate{cert}, version
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
			res, err := client.Get(server.URL)
			must(t, err)
			name, err := io.ReadAll(res.Body)
			must(t, err)
			must(t, res.Body.Close())
			if string(name) != "1900000109" {
				t.Errorf("%s, TLS %x: the server saw %q", signing, version, name)
			}
		}
		w.close()
		must(t, s.DB().Close())
	}
}
