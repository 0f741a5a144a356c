package store

import (
	"time"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/sqlite"
)

const walletKeys = `SELECT name, version, merchant, channel, kind, holder, state, kek, dek, sealed, public, fingerprint, created_at, changed_at
 FROM wallet_key ORDER BY name, version`

// WalletKeys implements vault.Records.
func (s *Store) WalletKeys() (list []vault.Record, err error) {
	err = s.View(func(tx *Tx) error {
		return tx.Query(func(rows sqlite.Rows) error {
			r, err := scanWalletKey(rows.Scan)
			list = append(list, r)
			return err
		}, walletKeys)
	})
	return list, err
}

// WalletKeys reads the sealed keys of a database file that may be in use or a copy.
func WalletKeys(path string) (list []vault.Record, err error) {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(walletKeys)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanWalletKey(rows.Scan)
		if err != nil {
			return nil, unreadable(path, err)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

func scanWalletKey(scan func(...any) error) (r vault.Record, err error) {
	var created, changed int64
	err = scan(&r.Name, &r.Version, &r.Merchant, &r.Channel, &r.Kind, &r.Holder, &r.State, &r.KEK, &r.DEK, &r.Sealed, &r.Public,
		&r.Fingerprint, &created, &changed)
	r.Created, r.Changed = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return r, err
}

// ChangeWalletKeys implements vault.Records. Each record leaves an event with its fingerprint and
// nothing secret.
func (s *Store) ChangeWalletKeys(was, now []vault.Record, cause string) error {
	return s.Update(func(tx *Tx) error {
		for _, r := range now {
			before, known := sameKey(was, r)
			if err := tx.putWalletKey(r, before, known); err != nil {
				return err
			}
			body := map[string]any{"version": r.Version, "state": r.State, "kind": r.Kind, "holder": r.Holder, "channel": r.Channel, "kek": r.KEK, "fingerprint": r.Fingerprint}
			if err := tx.Append(Event{Entity: "key/" + r.Name, Kind: "key." + string(r.State), Body: body, Cause: cause, At: r.Changed}); err != nil {
				return err
			}
		}
		return nil
	})
}

func sameKey(list []vault.Record, r vault.Record) (vault.Record, bool) {
	for _, o := range list {
		if o.Name == r.Name && o.Version == r.Version {
			return o, true
		}
	}
	return vault.Record{}, false
}

// putWalletKey updates the row that is still as it was read, or inserts a new one.
func (tx *Tx) putWalletKey(r, was vault.Record, known bool) (err error) {
	var n int64
	if known {
		n, err = tx.ExecCount(`UPDATE wallet_key SET state = ?, kek = ?, dek = ?, sealed = ?, changed_at = ?
 WHERE name = ? AND version = ? AND state = ? AND kek = ? AND dek = ? AND sealed = ?`, r.State, r.KEK, blob(r.DEK), blob(r.Sealed), r.Changed.UnixMilli(),
			r.Name, r.Version, was.State, was.KEK, blob(was.DEK), blob(was.Sealed))
	} else {
		n, err = tx.ExecCount(`INSERT INTO wallet_key (name, version, merchant, channel, kind, holder, state, kek, dek, sealed, public, fingerprint, created_at, changed_at)
 VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (name, version) DO NOTHING`, r.Name, r.Version, r.Merchant, r.Channel, r.Kind, r.Holder, r.State, r.KEK,
			blob(r.DEK), blob(r.Sealed), blob(r.Public), r.Fingerprint, r.Created.UnixMilli(), r.Changed.UnixMilli())
	}
	if err == nil && n != 1 || sqlite.IsDuplicate(err) { // a duplicate: another version is active already
		err = fault.New(fault.Conflict, "vault.raced", "%s was changed by somebody else meanwhile: look with \"key list\", then repeat the command", r)
	}
	return err
}

// blob is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
