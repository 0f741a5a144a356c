package vault

import (
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"sync"
	"sync/atomic"

	"cloudcashier/shared/fault"
)

// Vault is the opened keys of a running hub. It is safe for concurrent use.
type Vault struct {
	safe      *Safe
	backend   Backend // nil: RSA keys must be in the token
	pool      *Pool
	refreshes sync.Mutex
	keys      atomic.Pointer[map[string]*key]
}

// String keeps the keys out of logs and messages.
func (v *Vault) String() string { return "vault of wallet keys" }

// GoString keeps %#v from printing them.
func (v *Vault) GoString() string { return v.String() }

// key is what the hub knows of one name.
type key struct {
	usable []*opened // not retired, the newest first
	active *opened   // nil: nothing may sign
}

// opened is one version, proven to be what its row says.
type opened struct {
	rec     Record
	private PrivateKey // of an active RSA key
	text    string     // of an active secret
	chain   []byte     // of a certificate, PEM
}

// Open opens all keys. A row that does not open is an error: at the start an operator is near.
func Open(safe *Safe, backend Backend, pool *Pool) (*Vault, error) {
	v := &Vault{safe: safe, backend: backend, pool: pool}
	v.keys.Store(&map[string]*key{})
	if err := v.Refresh(); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// Refresh reads the rows again and takes over what changed. When a new version does not open, the
// version before it goes on signing unless it is retired: a mistake must not stop the shops. The
// error names everything that did not open.
func (v *Vault) Refresh() error {
	v.refreshes.Lock()
	defer v.refreshes.Unlock()
	records, err := v.safe.Records.WalletKeys()
	if err != nil {
		return err
	}
	before, after, kept := *v.keys.Load(), map[string]*key{}, map[*opened]bool{}
	broken := map[string]bool{} // names whose active version does not open
	var faults []error
	for i := len(records) - 1; i >= 0; i-- { // the newest version of a key first
		r := records[i]
		k := after[r.Name]
		if k == nil {
			k = &key{}
			after[r.Name] = k
		}
		if r.State == Retired {
			continue
		}
		o := before[r.Name].find(r.Version)
		switch {
		case o != nil && o.rec.State == r.State && o.rec.Fingerprint == r.Fingerprint && o.rec.Holder == r.Holder:
		case r.State == VerifyOnly && broken[r.Name] && o != nil && o.private != nil:
			k.active = o
		default:
			if o, err = v.unseal(r); err != nil {
				faults = append(faults, err)
				broken[r.Name] = broken[r.Name] || r.State == Active
				continue
			}
		}
		kept[o] = true
		k.usable = append(k.usable, o)
		if r.State == Active {
			k.active = o
		}
	}
	v.keys.Store(&after)
	for _, k := range before {
		for _, o := range k.usable {
			if !kept[o] && o.private != nil {
				o.private.Close()
			}
		}
	}
	return errors.Join(faults...)
}

func (k *key) find(version int) *opened {
	if k == nil {
		return nil
	}
	for _, o := range k.usable {
		if o.rec.Version == version {
			return o
		}
	}
	return nil
}

// unseal opens a row and keeps of it what the hub needs.
func (v *Vault) unseal(r Record) (*opened, error) {
	b, err := v.safe.open(r)
	if err != nil {
		return nil, err
	}
	defer b.close()
	o := &opened{rec: r}
	switch {
	case r.Kind == Certificate:
		o.chain = append(o.chain, b.bytes()...)
	case r.State != Active:
	case r.Kind == Secret:
		o.text = string(b.bytes())
	case r.Kind == RSA && r.Holder == Token:
		if v.safe.Token == nil {
			return nil, fault.New(fault.Invalid, "vault.token", "%s lives in a token, and the configuration names none: see vault.token", r)
		}
		o.private, err = v.safe.Token.Key(string(b.bytes()))
	case r.Kind == RSA && v.backend == nil:
		return nil, fault.New(fault.Denied, "vault.signing", "%s is sealed here, and the configuration wants RSA keys in the token alone", r)
	case r.Kind == RSA:
		o.private, err = v.backend.Load(b.bytes())
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.KindOf(err), fault.CodeOf(err), "cannot use %s", r)
	}
	if o.private != nil {
		if public, err := publicKey(r.Public); err != nil || !o.private.Public().Equal(public) {
			o.private.Close()
			return nil, fault.New(fault.Denied, "vault.sealed", "%s is another key than its row says", r)
		}
	}
	return o, nil
}

// Close ends all keys; what signs is let finish.
func (v *Vault) Close() {
	v.refreshes.Lock()
	defer v.refreshes.Unlock()
	for _, k := range *v.keys.Swap(&map[string]*key{}) {
		for _, o := range k.usable {
			if o.private != nil {
				o.private.Close()
			}
		}
	}
}

// Stats counts the signatures.
func (v *Vault) Stats() Stats { return v.pool.Stats() }

// use finds the active version for a channel that may use it.
func (v *Vault) use(ref Ref, kind Kind) (*opened, error) {
	k, err := v.usable(ref, kind)
	if err != nil {
		return nil, err
	}
	if k.active == nil {
		return nil, inactive(ref)
	}
	return k.active, nil
}

func inactive(ref Ref) error {
	return fault.New(fault.Denied, "vault.inactive", "no version of the key %q is active: rotate one in", ref.Name)
}

func (v *Vault) usable(ref Ref, kind Kind) (*key, error) {
	k := (*v.keys.Load())[ref.Name]
	if k == nil || len(k.usable) == 0 {
		return nil, fault.New(fault.NotFound, "vault.unknown", "there is no usable key %q in the vault: import it with \"cashier-hub key import\"", ref.Name)
	}
	if r := k.usable[0].rec; r.Merchant != ref.Merchant || r.Channel != ref.Channel || r.Kind != kind {
		return nil, fault.New(fault.Denied, "vault.foreign", "the key %q was imported as a %s of channel %q: it is not for the %s of channel %q",
			ref.Name, r.Kind, r.Channel, kind, ref.Channel)
	}
	return k, nil
}

// Secret gives the active text.
func (v *Vault) Secret(ref Ref) (string, error) {
	o, err := v.use(ref, Secret)
	if err != nil {
		return "", err
	}
	return o.text, nil
}

// Chain gives the active chain of certificates, DER, the leaf first.
func (v *Vault) Chain(ref Ref) (chain [][]byte, err error) {
	o, err := v.use(ref, Certificate)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(o.chain); block != nil; block, rest = pem.Decode(rest) {
		chain = append(chain, block.Bytes)
	}
	return chain, nil
}

// Publics gives every public key that may verify: the active one first, then those it replaced and
// that are not retired yet. The kind is RSA for our own keys, Public for a wallet's.
func (v *Vault) Publics(ref Ref, kind Kind) (list []*rsa.PublicKey, err error) {
	k, err := v.usable(ref, kind)
	if err != nil {
		return nil, err
	}
	if k.active == nil {
		return nil, inactive(ref)
	}
	for _, o := range k.usable {
		public, err := publicKey(o.rec.Public)
		if err != nil {
			return nil, err
		}
		list = append(list, public)
	}
	return list, nil
}
