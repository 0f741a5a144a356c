// Package vault keeps the keys and certificates of wallets at rest, and signs with them.
//
// Every key is sealed with AES-256-GCM under a key of its own, which a key-encrypting key ([KEK])
// wraps. The associated data names the merchant, the channel, the key, its version, its kind and its
// state, so that a row that was swapped, copied or set back to "active" does not open. RSA keys sign
// through one interface ([PrivateKey]) in a bounded pool, wherever they live: in Go's memory, in
// OpenSSL's, or in a PKCS#11 token that never gives them out.
//
// It refuses to hand a private key to anybody, to print one, and to sign for a channel that the key
// was not imported for. Newcomers get one thing wrong: "verify-only" still checks what was signed
// before, "retired" is gone: its bytes are erased, and nothing brings it back but a backup.
package vault

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"time"
)

// Kind is what a key is for.
type Kind string

// The kinds.
const (
	RSA         Kind = "rsa"         // an RSA private key that signs
	Secret      Kind = "secret"      // a text that both sides know, such as WeChat Pay's APIv2 key
	Certificate Kind = "certificate" // a chain of certificates, the leaf first
	Public      Kind = "public"      // the wallet's RSA public key
)

// State is what a version of a key may still do.
type State string

// The states. A version only ever moves down this list.
const (
	Active     State = "active"      // signs and verifies; one version of a key at most
	VerifyOnly State = "verify-only" // verifies what was signed while it was active
	Retired    State = "retired"     // nothing: its bytes are erased
)

// Holder is where the private half is.
type Holder string

// The holders.
const (
	Sealed Holder = "sealed" // here, in the row
	Token  Holder = "token"  // in a PKCS#11 token; the row seals its label
)

// Record is one version of a key as it is stored: nothing in it is secret without the KEK.
type Record struct {
	Name        string // the operator's; unique
	Version     int    // 1, 2, …
	Merchant    string // whose; empty when the channel serves every merchant
	Channel     string // the only channel that may use it
	Kind        Kind
	Holder      Holder
	State       State
	KEK         string // which key wraps the DEK
	DEK         []byte // wrapped; empty once retired
	Sealed      []byte // nonce, ciphertext, tag; empty once retired
	Public      []byte // the public half (PKIX, DER); empty for a secret
	Fingerprint string // of the public half or the certificate, of a secret a keyed digest: lower hex
	Created     time.Time
	Changed     time.Time
}

// String names a record without its bytes.
func (r Record) String() string {
	return fmt.Sprintf("%s/%d (%s, %s)", r.Name, r.Version, r.Kind, r.State)
}

// GoString keeps %#v from printing the bytes.
func (r Record) GoString() string { return r.String() }

// LogValue keeps slog from printing the bytes.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Ref is a use of a key: by which channel, of which merchant.
type Ref struct{ Name, Merchant, Channel string }

// Records is where the sealed keys stand.
type Records interface {
	// WalletKeys reads all versions of all keys, by name and version.
	WalletKeys() ([]Record, error)
	// ChangeWalletKeys writes the records of now in one transaction and in their order. Conflict
	// "vault.raced" when one of was no longer stands as it is given, or a new one is there already.
	ChangeWalletKeys(was, now []Record, cause string) error
}

// PrivateKey is an RSA key wherever it lives. It is safe for concurrent use.
type PrivateKey interface {
	Public() *rsa.PublicKey
	// Sign is PKCS#1 v1.5, or PSS when opts are *rsa.PSSOptions. Unavailable: the key cannot be
	// reached now; nothing was signed.
	Sign(digest []byte, opts crypto.SignerOpts) ([]byte, error)
	// Close ends the key once the signatures under way are done, and wipes what can be wiped.
	Close()
}

// Backend turns the bytes of a sealed key into one that signs.
type Backend interface {
	// Load takes a PKCS#8 key. It must not keep the slice, which is wiped afterwards.
	Load(pkcs8 []byte) (PrivateKey, error)
	Name() string
}

// TokenKeys finds the RSA keys that a token holds.
type TokenKeys interface {
	Key(label string) (PrivateKey, error)
}
