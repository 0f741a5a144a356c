package token

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

const (
	kekBits  = 256
	saltSize = 16
	purpose  = "cloudcashier wrap 1\n"
)

// KEK is a secret key of the token's. For each row the token derives a wrapping key from it with
// HMAC-SHA256; AES-256-GCM under that key then wraps the row's DEK here. Tokens differ in their AES
// mechanisms and say "general error" for a wrong tag; this one every token has, and a row that was
// changed is told from a token that fails.
type KEK struct {
	token     *Token
	label, id string
}

var _ vault.KEK = (*KEK)(nil)

// KEK finds the one secret key with the label, and makes it when it is missing and may be made;
// NotFound "vault.kek" otherwise.
func (t *Token) KEK(label string, make func() bool, random io.Reader) (*KEK, error) {
	k := &KEK{token: t, label: label}
	err := t.with(func(ctx *crypto11.Context, _ int) error {
		key, err := findKEK(ctx, label)
		if fault.CodeOf(err) == "vault.kek" && make() {
			key, err = makeKEK(ctx, label, random)
		}
		if err != nil {
			return err
		}
		if err := kept(ctx, key, label); err != nil {
			return err
		}
		id, err := ctx.GetAttribute(key, crypto11.CkaId)
		if err == nil {
			k.id = "token-" + hex.EncodeToString(id.Value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

func findKEK(ctx *crypto11.Context, label string) (*crypto11.SecretKey, error) {
	found, err := ctx.FindKeys(nil, []byte(label))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fault.New(fault.NotFound, "vault.kek", "the token has no secret key %q, and sealed keys need it: restore the token", label)
	case len(found) > 1:
		return nil, fault.New(fault.Conflict, "vault.kek_twice", "the token has %d secret keys called %q: one is needed", len(found), label)
	}
	return found[0], nil
}

// makeKEK makes the key inside the token, never to leave it.
func makeKEK(ctx *crypto11.Context, label string, random io.Reader) (*crypto11.SecretKey, error) {
	var id [8]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "vault.random", "no randomness")
	}
	return ctx.GenerateSecretKeyWithLabel(id[:], []byte(label), kekBits, crypto11.CipherGeneric)
}

// ID implements vault.KEK: the key's own identifier in the token.
func (k *KEK) ID() string { return k.id }

// Wrap implements vault.KEK.
func (k *KEK) Wrap(random io.Reader, dek, about []byte) ([]byte, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "vault.random", "no randomness")
	}
	row, wipe, err := k.row(salt, about)
	if err != nil {
		return nil, err
	}
	defer wipe()
	wrapped, err := row.Wrap(random, dek, about)
	return append(salt, wrapped...), err
}

// Unwrap implements vault.KEK.
func (k *KEK) Unwrap(wrapped, about []byte) ([]byte, error) {
	if len(wrapped) < saltSize {
		return nil, vault.ErrSealed
	}
	row, wipe, err := k.row(wrapped[:saltSize], about)
	if err != nil {
		return nil, err
	}
	defer wipe()
	return row.Unwrap(wrapped[saltSize:], about)
}

// row has the token derive the wrapping key of one row.
func (k *KEK) row(salt, about []byte) (row vault.KEK, wipe func(), err error) {
	var derived []byte
	err = k.token.with(func(ctx *crypto11.Context, _ int) error {
		key, err := findKEK(ctx, k.label)
		if err == nil {
			derived, err = mac(key, salt, about)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	row, err = vault.NewKEK(derived)
	return row, func() { clear(derived) }, err
}

// mac is HMAC-SHA256 in the token.
func mac(key *crypto11.SecretKey, salt, about []byte) (sum []byte, err error) {
	h, err := key.NewHMAC(pkcs11.CKM_SHA256_HMAC, sha256.Size)
	if err != nil {
		return nil, err
	}
	text := append(append([]byte(purpose), salt...), about...)
	_, err = h.Write(text)
	defer func() { // crypto11 has no other way to say it
		if p := recover(); p != nil && err == nil {
			err = fmt.Errorf("derive a wrapping key: %v", p)
		}
	}()
	return h.Sum(nil), err // always: it gives the session back
}
