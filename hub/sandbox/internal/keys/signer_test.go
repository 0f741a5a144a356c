package keys

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"

	"cloudcashier/hub/internal/vault"
)

// TestSignatures: whatever signs, it is the one signature of the key that there is (PKCS #1 v1.5 leaves no choice), also
// for many at once, and also when the library has no room for the key.
func TestSignatures(t *testing.T) {
	private, err := NewRSA()
	if err != nil {
		t.Fatal(err)
	}
	usual := backend
	defer func() { backend = usual }()
	for name, b := range map[string]func() vault.Backend{"usual": usual, "full": func() vault.Backend { return full{} }} {
		backend = b
		s := NewSigner(private)
		var all sync.WaitGroup
		for i := range 32 {
			all.Go(func() {
				sum := sha256.Sum256([]byte{byte(i)})
				want, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:])
				if err != nil {
					t.Error(err)
				}
				if got, err := s.Sign(sum); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %x %v, want %x", name, got, err, want)
				}
			})
		}
		all.Wait()
	}
}

// full is a library that takes no more keys.
type full struct{}

func (full) Load([]byte) (vault.PrivateKey, error) { return nil, errors.New("full") }
func (full) Name() string                          { return "full" }
