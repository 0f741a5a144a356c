package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"runtime"
	"sync"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/hub/internal/vault/openssl"
)

// Signer is a wallet's RSA key that signs answers and notices. It is safe for concurrent use.
//
// It signs through the system's OpenSSL where there is one, at a third of what crypto/rsa takes: wallets that are pretended on
// a hub's own machine take its processors away. Both sides verify with crypto/rsa, so nothing vouches for itself.
type Signer struct {
	Private *rsa.PrivateKey

	once sync.Once
	key  vault.PrivateKey
	err  error
}

// NewSigner wraps a key. It is loaded when it is first used: most merchants of a test never pay.
func NewSigner(key *rsa.PrivateKey) *Signer { return &Signer{Private: key} }

// backend is OpenSSL, or crypto/rsa on a machine without.
var backend = sync.OnceValue(func() vault.Backend {
	if ssl, err := openssl.Open(); err == nil {
		return ssl
	}
	return vault.Go{} // PKCS #1 v1.5 takes no randomness
})

// Backend names what signs: openssl or go.
func Backend() string { return backend().Name() }

// atOnce bounds the signatures under way: each holds a thread, and more than there are processors gain nothing. Who comes then
// waits for his turn, however long: a wallet does not refuse because it is slow.
var atOnce = make(chan struct{}, runtime.GOMAXPROCS(0))

// Sign signs a SHA-256 digest, PKCS #1 v1.5.
func (s *Signer) Sign(digest [32]byte) ([]byte, error) {
	s.once.Do(s.load)
	if s.err != nil {
		return nil, s.err
	}
	atOnce <- struct{}{}
	defer func() { <-atOnce }()
	return s.key.Sign(digest[:], crypto.SHA256)
}

func (s *Signer) load() {
	der, err := x509.MarshalPKCS8PrivateKey(s.Private)
	if err != nil {
		s.err = fmt.Errorf("encode RSA key: %w", err)
		return
	}
	if s.key, s.err = backend().Load(der); s.err != nil { // OpenSSL has room for some thousands
		s.key, s.err = vault.Go{}.Load(der)
	}
	if s.err == nil {
		runtime.AddCleanup(s, vault.PrivateKey.Close, s.key) // of a merchant that agreed upon another one
	}
}
