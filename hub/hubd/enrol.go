package hubd

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"time"

	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
)

// enroller turns an activation code and a device's key into a terminal.
type enroller struct {
	store  *store.Store
	keys   *keys
	ids    *id.Source
	random io.Reader
	now    func() time.Time
	mqtt   string // what terminals are told to dial
}

// Enrol implements gateway.Enroller. The certificate is made first and stored with the code's use
// in one transaction; the same device asking again gets a certificate of the same terminal.
func (e *enroller) Enrol(_ context.Context, code string, csr []byte, name string) (gateway.Enrolment, error) {
	typed, err := registry.NormalizeCode(code)
	if err != nil {
		return gateway.Enrolment{}, err
	}
	key, err := registry.ParseCSR(csr)
	if err != nil {
		return gateway.Enrolment{}, err
	}
	now := e.now()
	var t registry.Terminal
	var cert []byte
	err = e.store.Update(func(tx *store.Tx) error {
		c, err := tx.ActivationCode(registry.HashCode(e.keys.derive("activation"), typed))
		if err != nil {
			return err
		}
		again, err := registry.Redeem(c, key, now)
		if err != nil {
			return err
		}
		if again {
			if t, err = tx.TerminalInTx(c.UsedBy); err != nil {
				return err
			}
			if t.Revoked {
				return fault.New(fault.Denied, "activation.revoked", "this terminal was revoked: ask for a new activation code")
			}
		} else {
			t = registry.Terminal{ID: e.ids.New(id.Terminal), Merchant: c.Merchant, Store: c.Store, Name: name, Key: key, Created: now}
		}
		if cert, t.Serial, err = e.keys.ca.TerminalCertificate(e.random, t.ID, key, now); err != nil {
			return err
		}
		if err := tx.PutTerminal(t); err != nil {
			return err
		}
		c.UsedBy, c.UsedKey = t.ID, key
		if err := tx.PutActivationCode(c); err != nil {
			return err
		}
		return tx.Append(store.Event{Entity: t.ID, Kind: "terminal.enrolled", Cause: "activation", At: now,
			Body: map[string]any{"store": t.Store, "serial": t.Serial, "again": again}})
	})
	if err != nil {
		return gateway.Enrolment{}, err
	}
	hubKey := e.keys.signing().Public().(ed25519.PublicKey)
	return gateway.Enrolment{Terminal: t.ID, Merchant: t.Merchant, Store: t.Store, Certificate: string(cert), CA: string(e.keys.ca.CertPEM()),
		MQTT: "mqtts://" + e.mqtt, HubKey: base64.StdEncoding.EncodeToString(hubKey)}, nil
}
