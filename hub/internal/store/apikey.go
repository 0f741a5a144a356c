package store

import (
	"cloudcashier/shared/sqlite"
	"crypto/ed25519"
	"time"
)

// APIKey is a merchant's key to the API. An HMAC key's secret is not stored: it is derived.
type APIKey struct {
	ID       string
	Merchant string
	Public   ed25519.PublicKey // nil for HMAC
	Revoked  bool
}

// PutAPIKey stores a key; one that exists stays as it is.
func (tx *Tx) PutAPIKey(k APIKey, at time.Time) error {
	return tx.Exec("INSERT INTO api_key (id, merchant, public, revoked, created_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
		k.ID, k.Merchant, []byte(k.Public), k.Revoked, at.UnixMilli())
}

// APIKey finds a key (NotFound).
func (s *Store) APIKey(id string) (k APIKey, err error) {
	err = s.View(func(tx *Tx) error {
		var public []byte
		err := tx.QueryRow("SELECT id, merchant, public, revoked FROM api_key WHERE id = ?", id).Scan(&k.ID, &k.Merchant, &public, &k.Revoked)
		k.Public = public
		return found(err, "api_key", id)
	})
	return k, err
}

// UseNonce notes a nonce until it expires. It reports false when the key used it before.
func (s *Store) UseNonce(keyID, nonce string, expires time.Time) (fresh bool, err error) {
	err = s.Update(func(tx *Tx) error {
		fresh, err = tx.UseNonce(keyID, nonce, expires)
		return err
	})
	return fresh, err
}

// UseNonce is [Store.UseNonce] as a part of a longer transaction.
func (tx *Tx) UseNonce(keyID, nonce string, expires time.Time) (fresh bool, err error) {
	err = tx.Exec("INSERT INTO nonce (api_key, nonce, expires_at) VALUES (?,?,?)", keyID, nonce, expires.UnixMilli())
	if sqlite.IsDuplicate(err) {
		return false, nil
	}
	return err == nil, err
}

// Sweep forgets what has expired: nonces past their window and digests of codes long dead. It
// removes at most limit rows of each, so that it never holds the writer for long.
func (s *Store) Sweep(at time.Time, codeMemory time.Duration, limit int) error {
	return s.Update(func(tx *Tx) error {
		err := tx.Exec("DELETE FROM nonce WHERE (api_key, nonce) IN (SELECT api_key, nonce FROM nonce WHERE expires_at < ? LIMIT ?)", at.UnixMilli(), limit)
		if err != nil {
			return err
		}
		return tx.Exec("DELETE FROM code_use WHERE digest IN (SELECT digest FROM code_use WHERE at < ? LIMIT ?)", at.Add(-codeMemory).UnixMilli(), limit)
	})
}
