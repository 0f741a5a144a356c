package engine

import (
	"time"

	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
)

// Once is a nonce that is used up with the payment, in one transaction: no second one is needed before it.
type Once struct {
	Key, Nonce string
	Expires    time.Time
	Used       bool // with this request
	Replayed   bool // by one before
}

// once uses the nonce up, or says that it was.
func once(tx *store.Tx, o *Once) error {
	if o == nil || o.Used {
		return nil
	}
	fresh, err := tx.UseNonce(o.Key, o.Nonce, o.Expires)
	if err == nil && !fresh {
		o.Replayed = true
		err = fault.New(fault.Denied, "auth.replayed", "this nonce was used before")
	}
	return err
}
