// Package signing gives measurements the very code that signs for a running hub: each place where an RSA key
// may live, directly and through the vault's pool.
//
// It is test support: no program imports it, and it stores nothing on a disk. Newcomers get one thing wrong:
// "pooled" is more than a queue. It looks the active version up for each signature, as a request to a wallet does.
package signing

import (
	"crypto"
	"encoding/pem"
	"io"
	"time"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/hub/internal/vault/openssl"
	"cloudcashier/hub/internal/vault/token"
	"cloudcashier/shared/fault"
)

// Token names an RSA key in a PKCS#11 token.
type Token struct {
	Module, Label, PIN, Key string
	Sessions                int // calls at once; 1 when zero, as in a hub that says nothing about it
}

// World is what a vault takes from outside.
type World struct {
	Random io.Reader
	Now    func() time.Time
}

// Way is one place where a key lives. It is safe for concurrent use.
type Way struct {
	direct vault.PrivateKey
	pooled *vault.Signer
	vault  *vault.Vault
	token  *token.Token // nil: the key is in memory
}

// InGo has crypto/rsa sign with the key, PKCS#8.
func InGo(w World, pkcs8 []byte) (*Way, error) {
	return sealed(w, vault.Go{Random: w.Random}, pkcs8)
}

// InOpenSSL has the system's OpenSSL sign; Unavailable where there is none.
func InOpenSSL(w World, pkcs8 []byte) (*Way, error) {
	backend, err := openssl.Open()
	if err != nil {
		return nil, err
	}
	return sealed(w, backend, pkcs8)
}

func sealed(w World, backend vault.Backend, pkcs8 []byte) (*Way, error) {
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE " + "KEY", Bytes: pkcs8})
	way, err := open(w, backend, nil, vault.Material{Kind: vault.RSA, Text: text})
	if err != nil {
		return nil, err
	}
	if way.direct, err = backend.Load(pkcs8); err != nil {
		way.Close()
		return nil, err
	}
	return way, nil
}

// InToken has a token sign.
func InToken(w World, t Token) (*Way, error) {
	tok, err := token.Open(token.Config{Module: t.Module, Label: t.Label, PIN: t.PIN, Sessions: t.Sessions})
	if err != nil {
		return nil, err
	}
	way, err := open(w, nil, tok, vault.Material{Kind: vault.RSA, Label: t.Key})
	if err == nil {
		way.direct, err = tok.Key(t.Key)
	}
	if err != nil {
		tok.Close()
		return nil, err
	}
	return way, nil
}

// open makes a vault with one key in it.
func open(w World, backend vault.Backend, tok *token.Token, m vault.Material) (*Way, error) {
	secret := make([]byte, 32)
	if _, err := io.ReadFull(w.Random, secret); err != nil {
		return nil, err
	}
	kek, err := vault.NewKEK(secret)
	if err != nil {
		return nil, err
	}
	safe := &vault.Safe{Records: &shelf{}, KEKs: []vault.KEK{kek}, Random: w.Random, Now: w.Now, DigestKey: secret}
	if tok != nil {
		safe.Token = tok
	}
	ref := vault.Ref{Name: "measured", Channel: "measured"}
	if _, err := safe.Import(ref, m, "measurement"); err != nil {
		return nil, err
	}
	v, err := vault.Open(safe, backend, vault.NewPool(vault.PoolConfig{}, w.Now))
	if err != nil {
		return nil, err
	}
	signer, err := v.Signer(ref)
	if err != nil {
		v.Close()
		return nil, err
	}
	return &Way{pooled: signer, vault: v, token: tok}, nil
}

// Public is the key's public half.
func (w *Way) Public() crypto.PublicKey { return w.direct.Public() }

// Direct signs a SHA-256 digest with the key itself, PKCS#1 v1.5.
func (w *Way) Direct(digest []byte) ([]byte, error) { return w.direct.Sign(digest, crypto.SHA256) }

// Pooled signs as a connector does.
func (w *Way) Pooled(digest []byte) ([]byte, error) { return w.pooled.Sign(nil, digest, crypto.SHA256) }

// Close ends the keys and logs out of the token.
func (w *Way) Close() {
	if w.direct != nil {
		w.direct.Close()
	}
	w.vault.Close()
	if w.token != nil {
		w.token.Close()
	}
}

// shelf keeps the records of one vault in memory; one goroutine changes it.
type shelf struct{ rows []vault.Record }

func (s *shelf) WalletKeys() ([]vault.Record, error) { return s.rows, nil }

func (s *shelf) ChangeWalletKeys(was, now []vault.Record, _ string) error {
	if len(was) > 0 {
		return fault.New(fault.Conflict, "vault.raced", "a key is only added here")
	}
	s.rows = append(s.rows, now...)
	return nil
}
