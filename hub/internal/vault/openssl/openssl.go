// Package openssl signs with RSA keys through the system's OpenSSL 3, three to four times as fast as
// crypto/rsa on processors with wide multiplication.
//
// libcrypto.so.3 is looked for when the hub starts, not when it is built: no headers are needed, one
// binary serves machines with and without it, and [Open] says why it cannot be used. Private numbers
// live in OpenSSL's secure heap, which is locked where the system allows it, left out of core dumps
// and wiped when freed; the copies of the primes that OpenSSL keeps for its arithmetic stand in its
// ordinary heap. Nothing of a key is in the Go heap.
//
// It refuses any library but version 3, and keys that are not RSA. Newcomers get one thing wrong:
// each call into C holds a thread while it runs, so that only a bounded pool may call [Key.Sign].
package openssl

/*
#cgo LDFLAGS: -ldl
#include "libcrypto.h"
*/
import "C"

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"unsafe"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

// room is how many RSA-2048 keys, or half as many longer ones, may be loaded at once. The secure heap
// takes 4681: once it is full, keys that were loaded before cannot sign either.
const room = 4000

var taken atomic.Int64

// maxSignature is the room for a signature, in bytes: an RSA key of 16384 bits.
const maxSignature = 2048

var load = sync.OnceValue(func() error {
	var why [256]C.char
	if C.cc_load(&why[0], C.size_t(len(why))) != 0 {
		return fault.New(fault.Unavailable, "vault.openssl", "OpenSSL 3 cannot be used here (%s): install libssl3, or set vault.signing to go", C.GoString(&why[0]))
	}
	return nil
})

// Backend is the library; see [Open].
type Backend struct{}

var _ vault.Backend = Backend{}

// Open finds libcrypto.so.3. Unavailable "vault.openssl" when it is not there.
func Open() (Backend, error) { return Backend{}, load() }

// Name implements vault.Backend.
func (Backend) Name() string { return "openssl" }

// Version is what the library calls itself.
func (Backend) Version() string { return C.GoString(C.cc_version()) }

// Key is one RSA key in OpenSSL's memory.
type Key struct {
	public *rsa.PublicKey
	takes  int64 // of room

	mu   sync.RWMutex // held for reading by signatures under way
	pkey unsafe.Pointer
}

// Load implements vault.Backend.
func (Backend) Load(pkcs8 []byte) (vault.PrivateKey, error) {
	if err := load(); err != nil {
		return nil, err
	}
	if len(pkcs8) == 0 {
		return nil, unusable()
	}
	pkey := C.cc_key((*C.uchar)(&pkcs8[0]), C.long(len(pkcs8)))
	if pkey == nil {
		return nil, unusable()
	}
	public, err := publicOf(pkey)
	if err != nil {
		C.cc_free(pkey)
		return nil, err
	}
	k := &Key{public: public, pkey: pkey, takes: int64(public.N.BitLen()+2047) / 2048}
	if taken.Add(k.takes) > room {
		k.Close()
		return nil, fault.New(fault.Unavailable, "vault.full", "OpenSSL has no room for more than %d RSA keys: set vault.signing to go", room)
	}
	return k, nil
}

func unusable() error {
	return fault.New(fault.Internal, "vault.openssl", "OpenSSL takes a sealed key for no RSA key")
}

func publicOf(pkey unsafe.Pointer) (*rsa.PublicKey, error) {
	var out [8192]C.uchar
	n := C.cc_public(pkey, &out[0], C.int(len(out)))
	if n <= 0 {
		return nil, unusable()
	}
	any, err := x509.ParsePKIXPublicKey(C.GoBytes(unsafe.Pointer(&out[0]), n))
	public, ok := any.(*rsa.PublicKey)
	if err != nil || !ok {
		return nil, unusable()
	}
	return public, nil
}

// Public implements vault.PrivateKey.
func (k *Key) Public() *rsa.PublicKey { return k.public }

// Sign implements vault.PrivateKey.
func (k *Key) Sign(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.pkey == nil {
		return nil, vault.ErrClosed
	}
	salt := C.int(-1) // PKCS#1 v1.5
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		salt = C.int(pss.SaltLength)
		if pss.SaltLength == rsa.PSSSaltLengthEqualsHash || pss.SaltLength == rsa.PSSSaltLengthAuto {
			salt = C.int(opts.HashFunc().Size())
		}
	}
	if len(digest) == 0 || len(digest) != opts.HashFunc().Size() || salt < -1 {
		return nil, fault.New(fault.Invalid, "vault.hash", "the digest does not fit its hash")
	}
	var sign [maxSignature]byte
	n := C.cc_sign(k.pkey, C.int(8*len(digest)), salt, (*C.uchar)(&digest[0]), C.size_t(len(digest)), (*C.uchar)(&sign[0]), C.size_t(len(sign)))
	if n <= 0 {
		return nil, fault.New(fault.Internal, "vault.openssl", "OpenSSL does not sign")
	}
	return append([]byte(nil), sign[:n]...), nil
}

// Close implements vault.PrivateKey: OpenSSL wipes what it frees.
func (k *Key) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pkey != nil {
		C.cc_free(k.pkey)
		k.pkey = nil
		taken.Add(-k.takes)
	}
}
