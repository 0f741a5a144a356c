package vault

import (
	"bytes"
	"io"
	"log/slog"
	"regexp"
	"time"

	"cloudcashier/shared/fault"
)

// Safe seals keys into records, and changes what they may do.
type Safe struct {
	Records   Records
	KEKs      []KEK     // the first seals; the others only open what they wrapped before
	Token     TokenKeys // nil: no token is configured
	Random    io.Reader
	Now       func() time.Time
	DigestKey []byte // makes the fingerprints of secrets
}

// String keeps key material out of logs and messages.
func (s *Safe) String() string { return "safe of wallet keys" }

// GoString keeps %#v from printing it.
func (s *Safe) GoString() string { return s.String() }

// Material is a key as a person hands it in: its text, or the label under which a token has it.
type Material struct {
	Kind  Kind
	Text  []byte
	Label string
}

// String leaves the text out.
func (m Material) String() string { return "material of kind " + string(m.Kind) }

// GoString keeps %#v from printing it.
func (m Material) GoString() string { return m.String() }

// LogValue keeps slog from printing it.
func (m Material) LogValue() slog.Value { return slog.StringValue(m.String()) }

var nameShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$`)

// Import stores a key's first version. The same material again changes nothing, so that a command
// may be repeated after any crash; other material is a Conflict: that is a rotation.
func (s *Safe) Import(ref Ref, m Material, by string) (Record, error) {
	if !nameShape.MatchString(ref.Name) || ref.Channel == "" {
		return Record{}, fault.New(fault.Invalid, "vault.name", "a key has a name of letters, digits and ._/- and belongs to a channel")
	}
	versions, err := s.versions(ref.Name)
	if err != nil {
		return Record{}, err
	}
	r, plain, err := s.prepare(ref, m)
	if err != nil {
		return r, err
	}
	defer clear(plain)
	if len(versions) > 0 {
		now := versions[len(versions)-1]
		if now.State == Active && now.same(r) && now.Merchant == r.Merchant && now.Channel == r.Channel {
			return now, nil
		}
		return r, fault.New(fault.Conflict, "vault.exists", "there is a key %s with other contents: rotate it, or choose another name", now)
	}
	r.Version = 1
	return s.put(r, plain, nil, nil, by, "key.imported")
}

// Rotate makes other material the active version. The one before goes on verifying until it is
// retired. The same material again changes nothing.
func (s *Safe) Rotate(name string, m Material, by string) (Record, error) {
	versions, err := s.versions(name)
	if err != nil {
		return Record{}, err
	}
	if len(versions) == 0 {
		return Record{}, fault.New(fault.NotFound, "vault.unknown", "there is no key %q to rotate: import it", name)
	}
	last := versions[len(versions)-1]
	r, plain, err := s.prepare(Ref{Name: name, Merchant: last.Merchant, Channel: last.Channel}, m)
	if err != nil {
		return r, err
	}
	defer clear(plain)
	if r.Kind != last.Kind {
		return r, fault.New(fault.Conflict, "vault.kind", "%s cannot become a key of kind %s", last, r.Kind)
	}
	if last.State == Active && last.same(r) {
		return last, nil
	}
	for _, v := range versions {
		if v.Fingerprint == r.Fingerprint && !(v.State == Active && v.Holder != r.Holder) {
			return r, fault.New(fault.Conflict, "vault.again", "%s has these very contents: a key that was replaced does not come back", v)
		}
	}
	r.Version = last.Version + 1
	var was, now []Record
	if last.State == Active {
		verifies, err := s.restate(last, VerifyOnly)
		if err != nil {
			return r, err
		}
		was, now = []Record{last}, []Record{verifies}
	}
	return s.put(r, plain, was, now, by, "key.rotated")
}

// Retire ends a version for good: its bytes are erased. The active one may be retired too, when it
// was stolen; its channel then cannot sign until another is rotated in.
func (s *Safe) Retire(name string, version int, by string) (Record, error) {
	versions, err := s.versions(name)
	if err != nil {
		return Record{}, err
	}
	for _, v := range versions {
		switch {
		case v.Version != version:
			continue
		case v.State == Retired:
			return v, nil
		}
		r := v
		r.State, r.DEK, r.Sealed, r.Changed = Retired, nil, nil, s.Now()
		return r, s.Records.ChangeWalletKeys([]Record{v}, []Record{r}, cause("key.retired", by))
	}
	return Record{}, fault.New(fault.NotFound, "vault.unknown", "there is no version %d of a key %q", version, name)
}

// Rekey wraps every DEK under the first KEK. Each row is a transaction of its own: killed anywhere, it
// goes on where it was, and a hub that runs meanwhile opens either kind of row.
func (s *Safe) Rekey(by string) (moved int, err error) {
	all, err := s.Records.WalletKeys()
	if err != nil {
		return 0, err
	}
	to := s.KEKs[0]
	for _, r := range all {
		if r.State == Retired || r.KEK == to.ID() {
			continue
		}
		from, err := s.kek(r)
		if err != nil {
			return moved, err
		}
		dek, err := from.Unwrap(r.DEK, wrapAbout(r, from.ID()))
		if err != nil {
			return moved, fault.Wrap(err, fault.KindOf(err), fault.CodeOf(err), "cannot re-wrap %s", r)
		}
		n, err := wrap(s.Random, to, r, dek)
		clear(dek)
		if err != nil {
			return moved, err
		}
		n.Changed = s.Now()
		if err := s.Records.ChangeWalletKeys([]Record{r}, []Record{n}, cause("key.rewrapped", by)); err != nil {
			return moved, err
		}
		moved++
	}
	return moved, nil
}

// prepare checks material and makes a record of it that is not sealed yet.
func (s *Safe) prepare(ref Ref, m Material) (Record, []byte, error) {
	now := s.Now()
	r := Record{Name: ref.Name, Merchant: ref.Merchant, Channel: ref.Channel, Kind: m.Kind, State: Active, Holder: Sealed, Created: now, Changed: now}
	if m.Label == "" {
		got, err := read(m.Kind, m.Text, s.DigestKey)
		r.Public, r.Fingerprint = got.public, got.fingerprint
		return r, got.plain, err
	}
	if m.Kind != RSA || s.Token == nil {
		return r, nil, fault.New(fault.Invalid, "vault.token", "a token holds RSA keys, and the configuration must name the token")
	}
	key, err := s.Token.Key(m.Label)
	if err != nil {
		return r, nil, err
	}
	defer key.Close()
	if key.Public().N.BitLen() < minRSA {
		return r, nil, fault.New(fault.Invalid, "vault.rsa", "the token's key %q has less than %d bits", m.Label, minRSA)
	}
	got, err := material{plain: []byte(m.Label)}.named(key.Public())
	r.Holder, r.Public, r.Fingerprint = Token, got.public, got.fingerprint
	return r, got.plain, err
}

// put seals a new version and stores it behind what changes with it.
func (s *Safe) put(r Record, plain []byte, was, now []Record, by, what string) (Record, error) {
	r, err := seal(s.Random, s.KEKs[0], r, plain)
	if err != nil {
		return r, err
	}
	return r, s.Records.ChangeWalletKeys(was, append(now, r), cause(what, by))
}

// restate seals a record anew under another state, which is part of what its bytes are bound to.
func (s *Safe) restate(r Record, to State) (Record, error) {
	b, err := s.open(r)
	if err != nil {
		return r, err
	}
	defer b.close()
	r.State, r.Changed = to, s.Now()
	return seal(s.Random, s.KEKs[0], r, b.bytes())
}

func (s *Safe) open(r Record) (*buffer, error) {
	kek, err := s.kek(r)
	if err != nil {
		return nil, err
	}
	return open(kek, r)
}

func (s *Safe) kek(r Record) (KEK, error) {
	for _, k := range s.KEKs {
		if k.ID() == r.KEK {
			return k, nil
		}
	}
	if r.State == Retired {
		return s.KEKs[0], nil
	}
	return nil, fault.New(fault.Denied, "vault.kek", "%s is wrapped by the key-encrypting key %s, which is not configured: name it under vault.previous, or restore it", r, r.KEK)
}

// versions are those of one key, the oldest first.
func (s *Safe) versions(name string) (own []Record, err error) {
	all, err := s.Records.WalletKeys()
	for _, r := range all {
		if r.Name == name {
			own = append(own, r)
		}
	}
	return own, err
}

// same reports the same contents held in the same place.
func (r Record) same(o Record) bool {
	return r.Kind == o.Kind && r.Holder == o.Holder && r.Fingerprint == o.Fingerprint && bytes.Equal(r.Public, o.Public)
}

func cause(what, by string) string { return what + " by " + by }
