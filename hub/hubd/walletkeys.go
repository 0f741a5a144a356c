package hubd

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"time"

	"cloudcashier/hub/internal/store"
	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

// WalletKey is a version of a wallet's key, as operators see it: never the key.
type WalletKey struct {
	Name        string    `json:"name"`
	Version     int       `json:"version"`
	State       string    `json:"state"`  // "active", "verify-only", "retired"
	Kind        string    `json:"kind"`   // "rsa", "secret", "certificate", "public"
	Holder      string    `json:"holder"` // "sealed": in the database; "token"
	Merchant    string    `json:"merchant,omitempty"`
	Channel     string    `json:"channel"`
	KEK         string    `json:"kek"`
	Fingerprint string    `json:"fingerprint"`
	PublicKey   string    `json:"public_key,omitempty"` // PEM: what the wallet is to be given
	Created     time.Time `json:"created_at"`
	Changed     time.Time `json:"changed_at"`
}

// KeyInput is a key that an operator hands in: its text, or the label of one that the token has.
type KeyInput struct {
	Name, Kind        string
	Merchant, Channel string // not needed to rotate
	Text              []byte
	Label             string
	By                string
}

func walletKey(r vault.Record) WalletKey {
	k := WalletKey{Name: r.Name, Version: r.Version, State: string(r.State), Kind: string(r.Kind), Holder: string(r.Holder), Merchant: r.Merchant,
		Channel: r.Channel, KEK: r.KEK, Fingerprint: r.Fingerprint, Created: r.Created, Changed: r.Changed}
	if len(r.Public) > 0 {
		k.PublicKey = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: r.Public}))
	}
	return k
}

// fileRecords reads the sealed keys of a database file and changes nothing.
type fileRecords string

// WalletKeys implements vault.Records; a file that is not there yet has none.
func (f fileRecords) WalletKeys() ([]vault.Record, error) {
	list, err := store.WalletKeys(string(f))
	if fault.CodeOf(err) == "storage.missing" {
		return nil, nil
	}
	return list, err
}

// ChangeWalletKeys implements vault.Records.
func (f fileRecords) ChangeWalletKeys(_, _ []vault.Record, _ string) error {
	return fault.New(fault.Denied, "vault.read_only", "%s is open for reading alone", string(f))
}

// WalletKeys lists the keys of a database that may be in use or a copy.
func WalletKeys(path string) (list []WalletKey, err error) {
	records, err := fileRecords(path).WalletKeys()
	list = make([]WalletKey, len(records))
	for i, r := range records {
		list[i] = walletKey(r)
	}
	return list, err
}

// withSafe runs f on the vault of a hub that may be running: each change is one short transaction
// that compares what it read, and the hub looks every few seconds.
func withSafe(cfg Config, deps Deps, f func(*vault.Safe) error) (err error) {
	k, err := loadKeys(filepath.Join(cfg.Data, "keys"), deps.Random, deps.Now())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(cfg.DatabaseFile()), 0o700); err != nil {
		return fault.Wrap(err, fault.Internal, "hub.folder", "cannot make the database's folder")
	}
	s, err := store.Open(cfg.DatabaseFile(), deps.Now)
	if err != nil {
		return err
	}
	defer func() {
		if closed := s.DB().Close(); err == nil {
			err = closed
		}
	}()
	w, err := openSafe(cfg, deps, k, s, true)
	defer w.close()
	if err != nil {
		return err
	}
	return f(w.safe)
}

func (in KeyInput) material() vault.Material {
	return vault.Material{Kind: vault.Kind(in.Kind), Text: in.Text, Label: in.Label}
}

// ImportKey stores a key's first version.
func ImportKey(cfg Config, deps Deps, in KeyInput) (k WalletKey, err error) {
	err = withSafe(cfg, deps, func(s *vault.Safe) error {
		r, err := s.Import(vault.Ref{Name: in.Name, Merchant: in.Merchant, Channel: in.Channel}, in.material(), in.By)
		k = walletKey(r)
		return err
	})
	return k, err
}

// RotateKey makes another version of a key the active one.
func RotateKey(cfg Config, deps Deps, in KeyInput) (k WalletKey, err error) {
	err = withSafe(cfg, deps, func(s *vault.Safe) error {
		r, err := s.Rotate(in.Name, in.material(), in.By)
		k = walletKey(r)
		return err
	})
	return k, err
}

// KeepKeys imports what is missing and rotates what differs.
func KeepKeys(cfg Config, deps Deps, list []KeyInput) error {
	return withSafe(cfg, deps, func(s *vault.Safe) error {
		for _, in := range list {
			_, err := s.Import(vault.Ref{Name: in.Name, Merchant: in.Merchant, Channel: in.Channel}, in.material(), in.By)
			if fault.CodeOf(err) == "vault.exists" {
				_, err = s.Rotate(in.Name, in.material(), in.By)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RetireKey ends a version of a key for good.
func RetireKey(cfg Config, deps Deps, name string, version int, by string) (k WalletKey, err error) {
	err = withSafe(cfg, deps, func(s *vault.Safe) error {
		r, err := s.Retire(name, version, by)
		k = walletKey(r)
		return err
	})
	return k, err
}

// Rekeyed is what a re-wrapping did.
type Rekeyed struct {
	KEK   string `json:"kek"`   // what wraps every key now
	Moved int    `json:"moved"` // versions that another wrapped before
}

// Rekey wraps all keys under the configured KEK. It may be repeated after any interruption.
func Rekey(cfg Config, deps Deps, by string) (done Rekeyed, err error) {
	err = withSafe(cfg, deps, func(s *vault.Safe) (err error) {
		done.KEK = s.KEKs[0].ID()
		done.Moved, err = s.Rekey(by)
		return err
	})
	return done, err
}

// MintKey gives the active version of a key, and when there is none, makes the key and imports it.
func MintKey(cfg Config, deps Deps, in KeyInput, mint func() ([]byte, error)) (k WalletKey, err error) {
	err = withSafe(cfg, deps, func(s *vault.Safe) error {
		list, err := s.Records.WalletKeys()
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.Name == in.Name && r.State == vault.Active {
				k = walletKey(r)
				return nil
			}
		}
		if in.Text, err = mint(); err != nil {
			return err
		}
		r, err := s.Import(vault.Ref{Name: in.Name, Merchant: in.Merchant, Channel: in.Channel}, in.material(), in.By)
		k = walletKey(r)
		return err
	})
	return k, err
}
