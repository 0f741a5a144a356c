// Package roster is who works in one store, as the hub signs it and a till keeps it: names, roles, refund limits, and of
// each PIN a slow salted hash, so that a till can tell a right PIN without a connection.
//
// It refuses a list that the hub did not sign for this store, one that contradicts itself, one that would not fit one
// message, and PINs that anybody would try first. Newcomers get one thing wrong: the signature says who wrote the list, not
// that it still holds. That is its lease: past [Roster.Expires] nobody can sign on by it, which is how a person who left
// loses a till that has no connection.
package roster

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/strictjson"
)

// Bounds of a list. Most operators with the longest names fill a message of [cloudcashier/shared/wire.MaxMessage] to nine
// tenths, with what else a greeting carries.
const (
	Most    = 44
	MaxName = 48 // bytes: sixteen Chinese signs
	Lease   = 24 * time.Hour
)

const (
	prefix = "OPR1"
	domain = "cloudcashier roster v1\n"
)

var text = base64.RawURLEncoding.Strict()

// Operator is a person of the list.
type Operator struct {
	ID     string
	Name   string
	Role   localapi.Role
	Refund money.Amount // the most on their own word, for one sale
	PIN    string       // [Hash] of it
}

// View is the operator as others see it.
func (o Operator) View() localapi.Operator {
	return localapi.Operator{ID: o.ID, Name: o.Name, Role: o.Role, Refund: o.Refund.Fen()}
}

// Roster is the list of one store.
type Roster struct {
	Store     string
	Required  bool // nothing is sold without an operator on duty, and nothing refunded without somebody who stands for it
	Operators []Operator
	Issued    time.Time // whole seconds, by the hub's clock
	Expires   time.Time
}

// Operator finds a person; ok is false when the list has none of the ID.
func (r Roster) Operator(id string) (o Operator, ok bool) {
	for _, o := range r.Operators {
		if o.ID == id {
			return o, true
		}
	}
	return o, false
}

// Valid reports that the list holds at a moment of the hub's clock.
func (r Roster) Valid(at time.Time) bool { return at.Before(r.Expires) }

// Same reports that two lists say the same of the people, whenever they were signed.
func (r Roster) Same(o Roster) bool {
	if r.Store != o.Store || r.Required != o.Required || len(r.Operators) != len(o.Operators) {
		return false
	}
	for i := range r.Operators {
		if r.Operators[i] != o.Operators[i] {
			return false
		}
	}
	return true
}

type payload struct {
	Version   int      `json:"v"`
	Store     string   `json:"store"`
	Required  bool     `json:"required,omitempty"`
	Operators []person `json:"operators"`
	Issued    int64    `json:"issued"`
	Expires   int64    `json:"expires"`
}

type person struct {
	ID     string        `json:"id"`
	Name   string        `json:"name"`
	Role   localapi.Role `json:"role"`
	Refund int64         `json:"refund"` // fen
	PIN    string        `json:"pin"`
}

// Sign gives the list as a text that travels and can be kept.
func Sign(r Roster, hub ed25519.PrivateKey) (string, error) {
	p := payload{Version: 1, Store: r.Store, Required: r.Required, Operators: []person{}, Issued: r.Issued.Unix(), Expires: r.Expires.Unix()}
	for _, o := range r.Operators {
		p.Operators = append(p.Operators, person{o.ID, o.Name, o.Role, o.Refund.Fen(), o.PIN})
	}
	if _, err := p.roster(); err != nil {
		return "", err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("roster: %w", err)
	}
	sig := ed25519.Sign(hub, append([]byte(domain), body...))
	return strings.Join([]string{prefix, text.EncodeToString(body), text.EncodeToString(sig)}, "."), nil
}

// Open verifies a list and that it is this store's (Denied, Invalid). Whether it still holds is for [Roster.Valid].
func Open(s, store string, hub ed25519.PublicKey) (Roster, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != prefix {
		return Roster{}, malformed()
	}
	body, err := text.DecodeString(parts[1])
	if err != nil {
		return Roster{}, malformed()
	}
	sig, err := text.DecodeString(parts[2])
	if err != nil {
		return Roster{}, malformed()
	}
	if len(hub) != ed25519.PublicKeySize || !ed25519.Verify(hub, append([]byte(domain), body...), sig) {
		return Roster{}, fault.New(fault.Denied, "operator.roster", "the list of operators is not the hub's")
	}
	var p payload
	if err := strictjson.Decode(body, &p); err != nil {
		return Roster{}, malformed()
	}
	r, err := p.roster()
	if err == nil && r.Store != store {
		err = fault.New(fault.Denied, "operator.roster", "the list of operators is another store's")
	}
	return r, err
}

func malformed() error {
	return fault.New(fault.Invalid, "operator.roster", "the list of operators cannot be read")
}

func (p payload) roster() (Roster, error) {
	if p.Version != 1 || p.Store == "" || p.Issued <= 0 || p.Expires <= p.Issued || len(p.Operators) > Most {
		return Roster{}, malformed()
	}
	r := Roster{Store: p.Store, Required: p.Required, Issued: time.Unix(p.Issued, 0).UTC(), Expires: time.Unix(p.Expires, 0).UTC()}
	seen := map[string]bool{}
	for _, o := range p.Operators {
		one := Operator{ID: o.ID, Name: o.Name, Role: o.Role, Refund: money.Fen(o.Refund), PIN: o.PIN}
		if o.ID == "" || seen[o.ID] || CheckName(o.Name) != nil || CheckLimit(one.Refund) != nil || CheckRole(o.Role) != nil {
			return Roster{}, malformed()
		}
		if _, _, err := parse(o.PIN); err != nil {
			return Roster{}, err
		}
		seen[o.ID] = true
		r.Operators = append(r.Operators, one)
	}
	return r, nil
}

// CheckRole refuses (Invalid) what is no role.
func CheckRole(r localapi.Role) error {
	if r != localapi.RoleCashier && r != localapi.RoleSupervisor {
		return fault.New(fault.Invalid, "operator.role", "role %q is not known: it is %q or %q", string(r), string(localapi.RoleCashier), string(localapi.RoleSupervisor))
	}
	return nil
}

// CheckLimit refuses (Invalid) a limit that no sale can reach.
func CheckLimit(a money.Amount) error {
	if a.Fen() < 0 || a.Fen() > money.Max {
		return fault.New(fault.Invalid, "operator.refund", "a refund limit is between nothing and %s", money.Fen(money.Max))
	}
	return nil
}

// CheckName refuses (Invalid) a name that does not fit the list or a screen.
func CheckName(s string) error {
	if s == "" || len(s) > MaxName || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return fault.New(fault.Invalid, "operator.name", "a name has 1 to %d bytes, and no blanks around it", MaxName)
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" .-_'·()", r) {
			return fault.New(fault.Invalid, "operator.name", "a name has letters, digits, blanks and .-_'·() alone")
		}
	}
	return nil
}
