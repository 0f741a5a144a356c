package vault

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"

	"cloudcashier/shared/fault"
)

// Signer signs with the version of a key that is active at that moment, through the vault's pool. It
// is a crypto.Signer, so that connectors and TLS take it as they would take a key, and it holds none.
type Signer struct {
	vault *Vault
	ref   Ref
	first *rsa.PublicKey // for a moment without an active version
}

var _ crypto.Signer = (*Signer)(nil)

// Signer gives the RSA key of a channel.
func (v *Vault) Signer(ref Ref) (*Signer, error) {
	o, err := v.use(ref, RSA)
	if err != nil {
		return nil, err
	}
	return &Signer{vault: v, ref: ref, first: o.private.Public()}, nil
}

// Public implements crypto.Signer: the active version's public half.
func (s *Signer) Public() crypto.PublicKey {
	if o, err := s.vault.use(s.ref, RSA); err == nil {
		return o.private.Public()
	}
	return s.first
}

// Sign implements crypto.Signer for SHA-256 and longer digests: PKCS#1 v1.5, or PSS when opts say so
// (TLS 1.3 does). Randomness is the key's own affair. Unavailable means that nothing was signed and
// that another try may do; every other error wants a person.
func (s *Signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	switch opts.HashFunc() {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return nil, fault.New(fault.Invalid, "vault.hash", "wallets' keys sign SHA-256 and longer digests, not %v", opts.HashFunc())
	}
	if len(digest) != opts.HashFunc().Size() {
		return nil, fault.New(fault.Invalid, "vault.hash", "a digest of %v has %d bytes, not %d", opts.HashFunc(), opts.HashFunc().Size(), len(digest))
	}
	return s.vault.pool.run(func() ([]byte, error) {
		for {
			o, err := s.vault.use(s.ref, RSA)
			if err != nil {
				return nil, err
			}
			// A key that was rotated out between these two lines is closed; its successor is there.
			if sign, err := o.private.Sign(digest, opts); !errors.Is(err, ErrClosed) {
				return sign, err
			}
		}
	})
}

// String names the key and nothing of it.
func (s *Signer) String() string { return "signer " + s.ref.Name }

// GoString keeps %#v from walking into the vault.
func (s *Signer) GoString() string { return s.String() }

// LogValue keeps slog from walking into the vault.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(s.String()) }
