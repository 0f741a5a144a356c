package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strconv"

	"cloudcashier/shared/fault"
)

// KEK wraps the keys that seal the wallets' keys. It may be a file, or live in a token.
type KEK interface {
	// ID names this very key, so that a row says what wrapped it.
	ID() string
	Wrap(random io.Reader, dek, about []byte) ([]byte, error)
	// Unwrap is Denied "vault.sealed" when the bytes or what they are about were changed, and
	// Unavailable when the key cannot be reached.
	Unwrap(wrapped, about []byte) ([]byte, error)
}

const (
	keySize   = 32 // AES-256
	nonceSize = 12
	tagSize   = 16
)

// about is the associated data: what a row's bytes belong to. Lengths stand before the texts, so that
// no two rows have the same.
func about(r Record) []byte {
	out := []byte("cloudcashier vault 1\n")
	for _, s := range []string{r.Merchant, r.Channel, r.Name, string(r.Kind), string(r.Holder), string(r.State),
		strconv.Itoa(r.Version), string(r.Public)} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
		out = append(out, s...)
	}
	return out
}

// seal fills in a record's bytes under a fresh key of its own.
func seal(random io.Reader, kek KEK, r Record, plain []byte) (Record, error) {
	dek := make([]byte, keySize)
	defer clear(dek)
	if _, err := io.ReadFull(random, dek); err != nil {
		return r, fault.Wrap(err, fault.Internal, "vault.random", "no randomness: nothing can be sealed")
	}
	sealed, err := encrypt(random, dek, plain, about(r))
	if err != nil {
		return r, err
	}
	r.Sealed = sealed
	return wrap(random, kek, r, dek)
}

func wrap(random io.Reader, kek KEK, r Record, dek []byte) (Record, error) {
	wrapped, err := kek.Wrap(random, dek, wrapAbout(r, kek.ID()))
	if err != nil {
		return r, err
	}
	r.DEK, r.KEK = wrapped, kek.ID()
	return r, nil
}

// wrapAbout binds a wrapped DEK to its row and to the KEK that the row names.
func wrapAbout(r Record, kek string) []byte {
	return append(about(r), kek...)
}

// open gives a record's bytes in memory of their own, for the caller to close.
func open(kek KEK, r Record) (*buffer, error) {
	if r.State == Retired {
		return nil, fault.New(fault.Conflict, "vault.retired", "%s is retired: its bytes are erased", r)
	}
	dek, err := kek.Unwrap(r.DEK, wrapAbout(r, kek.ID()))
	if err != nil {
		return nil, fault.Wrap(err, fault.KindOf(err), fault.CodeOf(err), "cannot open %s", r)
	}
	defer clear(dek)
	aead, err := gcm(dek)
	if err != nil {
		return nil, err
	}
	if len(r.Sealed) < nonceSize+tagSize {
		return nil, tampered(r)
	}
	b, err := newBuffer(len(r.Sealed) - nonceSize - tagSize)
	if err != nil {
		return nil, err
	}
	// GCM writes in place: the clear text never touches the Go heap.
	if _, err := aead.Open(b.bytes()[:0], r.Sealed[:nonceSize], r.Sealed[nonceSize:], about(r)); err != nil {
		b.close()
		return nil, tampered(r)
	}
	return b, nil
}

func tampered(r Record) error {
	return fault.New(fault.Denied, "vault.sealed",
		"%s does not open: its row was changed or belongs to another key, merchant or channel; restore it from your backup", r)
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "vault.key", "a key-encrypting key has 32 bytes, not %d", len(key))
	}
	return cipher.NewGCM(block)
}

func encrypt(random io.Reader, key, plain, about []byte) ([]byte, error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, nonceSize, nonceSize+len(plain)+tagSize)
	if _, err := io.ReadFull(random, out); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "vault.random", "no randomness: nothing can be sealed")
	}
	return aead.Seal(out, out[:nonceSize], plain, about), nil
}

// bytesKEK is a KEK whose 32 bytes this process holds.
type bytesKEK struct {
	id  string
	key []byte
}

// NewKEK takes 32 random bytes: a file, or what a secret store gave.
func NewKEK(key []byte) (KEK, error) {
	if len(key) != keySize {
		return nil, fault.New(fault.Invalid, "vault.kek", "a key-encrypting key has %d bytes, this one %d: restore it from your backup", keySize, len(key))
	}
	sum := sha256.Sum256(append([]byte("cloudcashier kek\n"), key...)) // of 256 random bits: gives nothing away
	return &bytesKEK{id: "aes-" + hex.EncodeToString(sum[:8]), key: key}, nil
}

func (k *bytesKEK) String() string   { return k.id }
func (k *bytesKEK) GoString() string { return k.id }

// ID implements KEK.
func (k *bytesKEK) ID() string { return k.id }

// Wrap implements KEK.
func (k *bytesKEK) Wrap(random io.Reader, dek, about []byte) ([]byte, error) {
	return encrypt(random, k.key, dek, about)
}

// Unwrap implements KEK.
func (k *bytesKEK) Unwrap(wrapped, about []byte) ([]byte, error) {
	aead, err := gcm(k.key)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < nonceSize {
		return nil, ErrSealed
	}
	dek, err := aead.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], about)
	if err != nil || len(dek) != keySize {
		return nil, ErrSealed
	}
	return dek, nil
}

// ErrSealed is what a KEK says of bytes that it did not wrap, or not for this row.
var ErrSealed = fault.New(fault.Denied, "vault.sealed", "the row was changed, or is not what this key wrapped: restore it from your backup")
