package openssl_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/hub/internal/vault/openssl"
	"cloudcashier/shared/fault"
)

// TestTheHeapNeverFills loads keys until no more are taken: those that were still sign, and room that is
// given back is used again.
func TestTheHeapNeverFills(t *testing.T) {
	b, err := openssl.Open()
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("a request"))
	signs := func(k vault.PrivateKey) bool {
		sign, err := k.Sign(digest[:], crypto.SHA256)
		return err == nil && rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sign) == nil
	}
	var keys []vault.PrivateKey
	for err == nil {
		var k vault.PrivateKey
		if k, err = b.Load(der); err == nil {
			keys = append(keys, k)
		}
	}
	if fault.CodeOf(err) != "vault.full" || len(keys) < 1000 {
		t.Fatalf("after %d keys: %v", len(keys), err)
	}
	if !signs(keys[0]) || !signs(keys[len(keys)-1]) {
		t.Error("a loaded key does not sign once no more are taken")
	}
	for _, k := range keys {
		k.Close()
		k.Close() // once more frees nothing
	}
	k, err := b.Load(der)
	if err != nil || !signs(k) {
		t.Fatalf("after all were closed: %v", err)
	}
	k.Close()
	if _, err := k.Sign(digest[:], crypto.SHA256); err != vault.ErrClosed {
		t.Errorf("a closed key: %v", err)
	}
}
