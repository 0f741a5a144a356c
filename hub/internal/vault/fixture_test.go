package vault_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/store"
	"cloudcashier/hub/internal/vault"
	"cloudcashier/hub/internal/vault/openssl"
	"cloudcashier/shared/fault"
)

const apiKey = "CANARY0123456789abcdefABCDEF0123" // what a WeChat APIv2 key looks like

// testKeys are made once: each costs a quarter of a second.
var testKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

func pkcs1(key *rsa.PrivateKey) vault.Material {
	return vault.Material{Kind: vault.RSA,
		Text: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE " + "KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})}
}

func secret(text string) vault.Material {
	return vault.Material{Kind: vault.Secret, Text: []byte(text + "\n")}
}

func newKEK(t testing.TB) vault.KEK {
	t.Helper()
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	k, err := vault.NewKEK(raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newSafe is a safe on a database of its own.
func newSafe(t testing.TB) (*vault.Safe, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub.db")
	s, err := store.Open(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.DB().Close() })
	return &vault.Safe{Records: s, KEKs: []vault.KEK{newKEK(t)}, Random: rand.Reader, Now: time.Now, DigestKey: []byte("digest key")}, path
}

var (
	appRef = vault.Ref{Name: "alipay/app", Merchant: "mer_1", Channel: "alipay-1"}
	apiRef = vault.Ref{Name: "wechat/api", Merchant: "mer_1", Channel: "wechat-1"}
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func importKey(t testing.TB, s *vault.Safe, ref vault.Ref, m vault.Material) vault.Record {
	t.Helper()
	r, err := s.Import(ref, m, "test")
	must(t, err)
	return r
}

func goBackend() vault.Backend { return vault.Go{Random: rand.Reader} }

// backends are those that load sealed keys.
func backends(t testing.TB) []vault.Backend {
	t.Helper()
	o, err := openssl.Open()
	must(t, err)
	return []vault.Backend{goBackend(), o}
}

func openVault(t testing.TB, s *vault.Safe, b vault.Backend) *vault.Vault {
	t.Helper()
	v, err := vault.Open(s, b, vault.NewPool(vault.PoolConfig{}, time.Now))
	must(t, err)
	t.Cleanup(v.Close)
	return v
}

var digest = sha256.Sum256([]byte("a request to a wallet"))

// signedBy names which of the keys made the signature; -1 for none.
func signedBy(sign []byte, opts crypto.SignerOpts) int {
	for i, k := range testKeys() {
		pss, ok := opts.(*rsa.PSSOptions)
		if ok && rsa.VerifyPSS(&k.PublicKey, crypto.SHA256, digest[:], sign, pss) == nil {
			return i
		}
		if !ok && rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, digest[:], sign) == nil {
			return i
		}
	}
	return -1
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

// altered shows the records with a change that somebody made behind the vault's back.
type altered struct {
	vault.Records
	change func([]vault.Record)
}

func (a altered) WalletKeys() ([]vault.Record, error) {
	list, err := a.Records.WalletKeys()
	a.change(list)
	return list, err
}

// dying lets a number of changes through and then fails, as a killed process does.
type dying struct {
	vault.Records
	left int
}

var errDied = errors.New("killed")

func (d *dying) ChangeWalletKeys(was, now []vault.Record, cause string) error {
	if d.left == 0 {
		return errDied
	}
	d.left--
	return d.Records.ChangeWalletKeys(was, now, cause)
}
