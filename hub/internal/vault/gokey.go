package vault

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"io"
	"math/big"
	"sync"

	"cloudcashier/shared/fault"
)

// Go signs with crypto/rsa. Its keys live in the Go heap: Close overwrites the numbers, but what the
// runtime and crypto/rsa copied before stays until that memory is used again.
type Go struct {
	Random io.Reader // salts of PSS
}

// Name implements Backend.
func (Go) Name() string { return "go" }

// Load implements Backend.
func (g Go) Load(pkcs8 []byte) (PrivateKey, error) {
	any, err := x509.ParsePKCS8PrivateKey(pkcs8)
	key, ok := any.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fault.New(fault.Internal, "vault.rsa", "a sealed key is no RSA key")
	}
	return &goKey{key: key, public: &rsa.PublicKey{N: key.N, E: key.E}, random: g.Random}, nil
}

type goKey struct {
	public *rsa.PublicKey
	random io.Reader

	mu  sync.RWMutex    // held for reading by signatures under way
	key *rsa.PrivateKey // nil once closed
}

func (k *goKey) Public() *rsa.PublicKey { return k.public }

func (k *goKey) Sign(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.key == nil {
		return nil, ErrClosed
	}
	return k.key.Sign(k.random, digest, opts)
}

func (k *goKey) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key == nil {
		return
	}
	numbers := append([]*big.Int{k.key.D, k.key.Precomputed.Dp, k.key.Precomputed.Dq, k.key.Precomputed.Qinv}, k.key.Primes...)
	for _, n := range numbers {
		if n != nil {
			clear(n.Bits())
		}
	}
	k.key = nil
}

// ErrClosed is what a key says once it was closed.
var ErrClosed = fault.New(fault.Unavailable, "vault.closed", "this key was replaced: take the present one")
