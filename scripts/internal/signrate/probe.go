package signrate

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"runtime"
	"time"

	"cloudcashier/hub/hubtest/signing"
)

// Probe measures one place of keys now and then, beside another measurement.
type Probe struct{ way *signing.Way }

// NewProbe is one of keys in OpenSSL's memory, or in Go's.
func NewProbe(inOpenSSL bool) (*Probe, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	open := signing.InGo
	if inOpenSSL {
		open = signing.InOpenSSL
	}
	way, err := open(signing.World{Random: rand.Reader, Now: time.Now}, pkcs8)
	return &Probe{way}, err
}

// Rate is how many signatures all cores make in a second, without the pool.
func (p *Probe) Rate(ctx context.Context, each time.Duration) (float64, error) {
	digest := sha256.Sum256(nil)
	rate, _, err := hammer(ctx, func() error { _, err := p.way.Direct(digest[:]); return err }, runtime.GOMAXPROCS(0), each)
	return rate, err
}

// Close ends the key.
func (p *Probe) Close() { p.way.Close() }
