// Package storedvalue is what hub and till must agree on about stored-value codes: one-time codes that
// the hub signed over a balance it keeps, and the policy within which a till may take one offline.
//
//	SV1.payload.signature.secret   what the customer shows
//	SV1C.payload.signature.proof   a till's claim: worth something for one sale only
//
// All parts are base64url. The payload is JSON ([Terms]) and holds the hash of the secret; the
// signature is the hub's, so that a till needs nothing but the hub's key to know what a code is worth.
// The proof is an HMAC under the secret over terminal, sale, order and amount. The hub works the secret
// out from the serial and checks it.
//
// The package is arithmetic on values: no clock, no keys of its own, no storage. It refuses codes that
// are not spelt in their one canonical way. Newcomers get one thing wrong: the code is bearer money and
// is never written down; the claim is not, and may be.
package storedvalue

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

// SecretSize is a code's secret in bytes.
const SecretSize = 16

// Slack is by how much two clocks may differ before a moment counts as outside a code's life.
const Slack = 2 * time.Minute

const (
	codePrefix  = "SV1"
	claimPrefix = "SV1C"
	// codeDomain and its like keep a signature or a proof from meaning anything else.
	codeDomain  = "cloudcashier stored-value code v1\n"
	claimDomain = "cloudcashier stored-value claim v1\n"
	maxName     = 48 // bytes of an identifier; the whole code must fit a QR text of 512
)

var text = base64.RawURLEncoding.Strict()

// Terms are what the hub signed.
type Terms struct {
	Account   string // opaque
	Serial    string // unique; spent once
	Merchant  string // the only one that may take it
	Most      money.Amount
	NotBefore time.Time // whole seconds
	NotAfter  time.Time
}

// payload is Terms as they travel.
type payload struct {
	Version   int            `json:"v"`
	Account   string         `json:"account"`
	Serial    string         `json:"serial"`
	Merchant  string         `json:"merchant"`
	Currency  money.Currency `json:"currency"`
	Most      int64          `json:"most"` // minor units
	NotBefore int64          `json:"not_before"`
	NotAfter  int64          `json:"not_after"`
	Secret    string         `json:"secret"` // SHA-256 of it
}

// Sale is what a claim is bound to.
type Sale struct {
	Terminal string
	Key      string // the till's name for the sale
	OrderNo  string
	Amount   money.Amount
}

// Code is a code or a claim whose signature was verified.
type Code struct {
	Terms
	whole pay.Code
	hash  []byte // of the secret
	claim bool
}

// Mint signs a code.
func Mint(t Terms, secret []byte, hub ed25519.PrivateKey) (pay.Code, error) {
	if len(secret) != SecretSize {
		return pay.Code{}, fmt.Errorf("a stored-value secret of %d bytes", len(secret))
	}
	hash := sha256.Sum256(secret)
	p := payload{Version: 1, Account: t.Account, Serial: t.Serial, Merchant: t.Merchant, Currency: t.Most.Currency(), Most: t.Most.Fen(),
		NotBefore: t.NotBefore.Unix(), NotAfter: t.NotAfter.Unix(), Secret: text.EncodeToString(hash[:])}
	if _, err := p.terms(); err != nil {
		return pay.Code{}, err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return pay.Code{}, fmt.Errorf("stored-value code: %w", err)
	}
	sig := ed25519.Sign(hub, append([]byte(codeDomain), body...))
	return pay.ParseCode(join(codePrefix, text.EncodeToString(body), text.EncodeToString(sig), text.EncodeToString(secret)))
}

func join(parts ...string) string { return strings.Join(parts, ".") }

// Parse reads a code or a claim and verifies the hub's signature and, of a code, its secret (Invalid,
// Denied). It does not look at the terms: see [Terms.Allow].
func Parse(c pay.Code, hub ed25519.PublicKey) (Code, error) {
	parts := strings.Split(c.Reveal(), ".")
	if len(parts) != 4 || parts[0] != codePrefix && parts[0] != claimPrefix {
		return Code{}, malformed()
	}
	var raw [3][]byte
	for i, part := range parts[1:] {
		b, err := text.DecodeString(part)
		if err != nil || text.EncodeToString(b) != part {
			return Code{}, malformed()
		}
		raw[i] = b
	}
	if len(hub) != ed25519.PublicKeySize || !ed25519.Verify(hub, append([]byte(codeDomain), raw[0]...), raw[1]) {
		return Code{}, fault.New(fault.Denied, "storedvalue.signature", "this stored-value code is not the hub's: do not take it")
	}
	var p payload
	if err := strictjson.Decode(raw[0], &p); err != nil {
		return Code{}, malformed()
	}
	t, err := p.terms()
	if err != nil {
		return Code{}, err
	}
	hash, err := text.DecodeString(p.Secret)
	if err != nil || len(hash) != sha256.Size {
		return Code{}, malformed()
	}
	code := Code{Terms: t, whole: c, hash: hash, claim: parts[0] == claimPrefix}
	if want := map[bool]int{false: SecretSize, true: sha256.Size}[code.claim]; len(raw[2]) != want {
		return Code{}, malformed()
	}
	if got := sha256.Sum256(raw[2]); !code.claim && !hmac.Equal(got[:], hash) {
		return Code{}, fault.New(fault.Denied, "storedvalue.secret", "this stored-value code was changed: ask for a fresh one")
	}
	return code, nil
}

func malformed() error {
	return fault.New(fault.Invalid, "storedvalue.form", "this stored-value code was read badly or cut short: scan it again")
}

// terms checks what was signed: a hub that signs nonsense must not be believed either.
func (p payload) terms() (Terms, error) {
	most, err := money.New(p.Most, p.Currency)
	if err == nil {
		err = most.Charge()
	}
	names := []string{p.Account, p.Serial, p.Merchant}
	for _, name := range names {
		if name == "" || len(name) > maxName {
			err = malformed()
		}
	}
	if err != nil || p.Version != 1 || p.NotAfter <= p.NotBefore || p.NotBefore <= 0 {
		return Terms{}, malformed()
	}
	return Terms{Account: p.Account, Serial: p.Serial, Merchant: p.Merchant, Most: most,
		NotBefore: time.Unix(p.NotBefore, 0).UTC(), NotAfter: time.Unix(p.NotAfter, 0).UTC()}, nil
}

// Allow checks that the code may pay an amount to a merchant at a moment of the hub's clock, give or
// take the slack (Invalid).
func (t Terms) Allow(merchant string, amount money.Amount, at time.Time, slack time.Duration) error {
	switch {
	case t.Merchant != merchant:
		return fault.New(fault.Invalid, "storedvalue.merchant", "this stored-value code is of another merchant: it cannot be taken here")
	case amount.Currency() != t.Most.Currency() || amount.Fen() > t.Most.Fen():
		return fault.New(fault.Invalid, "storedvalue.too_much", "this stored-value code pays %s at most: ask for another way to pay", t.Most)
	case at.Before(t.NotBefore.Add(-slack)):
		return fault.New(fault.Invalid, "storedvalue.not_yet", "this stored-value code is not valid yet: look at the till's clock")
	case at.After(t.NotAfter.Add(slack)):
		return fault.New(fault.Invalid, "storedvalue.expired", "this stored-value code has expired: ask for a fresh one")
	}
	return nil
}

// String, GoString, LogValue: the serial. A field that is not exported would print as it is.
func (c Code) String() string { return c.Serial }

// GoString keeps %#v from showing the code.
func (c Code) GoString() string { return c.Serial }

// LogValue keeps slog from showing the code.
func (c Code) LogValue() slog.Value { return slog.StringValue(c.Serial) }

// IsClaim tells a till's claim from the code itself.
func (c Code) IsClaim() bool { return c.claim }

// Claim binds a code to one sale. Without the code nobody makes one, and for another sale it is worth
// nothing.
func (c Code) Claim(s Sale) (pay.Code, error) {
	if c.claim {
		return pay.Code{}, fault.New(fault.Invalid, "storedvalue.claim", "this is no code of a customer: ask for the code in the customer's app")
	}
	parts := strings.Split(c.whole.Reveal(), ".")
	secret, err := text.DecodeString(parts[3])
	if err != nil {
		return pay.Code{}, malformed()
	}
	return pay.ParseCode(join(claimPrefix, parts[1], parts[2], text.EncodeToString(proof(secret, s))))
}

func proof(secret []byte, s Sale) []byte {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s%q %q %q %d %q", claimDomain, s.Terminal, s.Key, s.OrderNo, s.Amount.Fen(), string(s.Amount.Currency()))
	return mac.Sum(nil)
}

// Holds reports that who sent the code had it: that the secret is the one of its serial, or that the
// claim was made with it for exactly this sale. It takes the same time whatever is wrong.
func (c Code) Holds(secret []byte, s Sale) bool {
	parts := strings.Split(c.whole.Reveal(), ".")
	got, err := text.DecodeString(parts[len(parts)-1])
	if err != nil {
		return false
	}
	hash := sha256.Sum256(secret)
	want := secret
	if c.claim {
		want = proof(secret, s)
	}
	return hmac.Equal(got, want) && hmac.Equal(hash[:], c.hash)
}
