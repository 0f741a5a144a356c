package storedvalue

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/strictjson"
)

const (
	policyPrefix = "SVP1"
	policyDomain = "cloudcashier offline policy v1\n"
)

// Policy is what the hub lets one till take without a connection. The till counts what it took and the
// hub has not answered for.
type Policy struct {
	Terminal string
	PerSale  money.Amount
	Count    int           // sales at a time
	Sum      money.Amount  // of all of them
	Age      time.Duration // of the oldest, beyond which no more are taken
	Issued   time.Time     // whole seconds, by the hub's clock
	Expires  time.Time
}

type policyPayload struct {
	Version  int            `json:"v"`
	Terminal string         `json:"terminal"`
	Currency money.Currency `json:"currency"`
	PerSale  int64          `json:"per_sale"` // minor units
	Count    int            `json:"count"`
	Sum      int64          `json:"sum"`
	Age      int64          `json:"age_s"`
	Issued   int64          `json:"issued"`
	Expires  int64          `json:"expires"`
}

func (p Policy) payload() policyPayload {
	return policyPayload{Version: 1, Terminal: p.Terminal, Currency: p.PerSale.Currency(), PerSale: p.PerSale.Fen(), Count: p.Count, Sum: p.Sum.Fen(),
		Age: int64(p.Age / time.Second), Issued: p.Issued.Unix(), Expires: p.Expires.Unix()}
}

// Check refuses (Invalid) limits that make no sense.
func (p Policy) Check() error {
	_, err := p.payload().policy()
	return err
}

// SignPolicy gives the policy as a text that travels and can be kept.
func SignPolicy(p Policy, hub ed25519.PrivateKey) (string, error) {
	if err := p.Check(); err != nil {
		return "", err
	}
	body, err := json.Marshal(p.payload())
	if err != nil {
		return "", fmt.Errorf("offline policy: %w", err)
	}
	sig := ed25519.Sign(hub, append([]byte(policyDomain), body...))
	return join(policyPrefix, text.EncodeToString(body), text.EncodeToString(sig)), nil
}

// OpenPolicy verifies a policy and that it is this terminal's (Denied, Invalid). Whether it has expired
// is for [Policy.Valid].
func OpenPolicy(s, terminal string, hub ed25519.PublicKey) (Policy, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != policyPrefix {
		return Policy{}, noPolicy()
	}
	body, err := text.DecodeString(parts[1])
	if err != nil {
		return Policy{}, noPolicy()
	}
	sig, err := text.DecodeString(parts[2])
	if err != nil {
		return Policy{}, noPolicy()
	}
	if len(hub) != ed25519.PublicKeySize || !ed25519.Verify(hub, append([]byte(policyDomain), body...), sig) {
		return Policy{}, fault.New(fault.Denied, "offline.signature", "the offline limits are not the hub's")
	}
	var w policyPayload
	if err := strictjson.Decode(body, &w); err != nil {
		return Policy{}, noPolicy()
	}
	p, err := w.policy()
	if err == nil && p.Terminal != terminal {
		err = fault.New(fault.Denied, "offline.terminal", "the offline limits are another till's")
	}
	return p, err
}

func noPolicy() error {
	return fault.New(fault.Invalid, "offline.form", "the offline limits cannot be read")
}

func (w policyPayload) policy() (Policy, error) {
	perSale, err := money.New(w.PerSale, w.Currency)
	if err == nil {
		err = perSale.Charge()
	}
	sum, badSum := money.New(w.Sum, w.Currency)
	if badSum == nil {
		badSum = sum.Charge()
	}
	if err != nil || badSum != nil || w.Version != 1 || w.Terminal == "" || w.Count <= 0 || w.Age <= 0 ||
		w.Issued <= 0 || w.Expires <= w.Issued {
		return Policy{}, noPolicy()
	}
	return Policy{Terminal: w.Terminal, PerSale: perSale, Count: w.Count, Sum: sum, Age: time.Duration(w.Age) * time.Second,
		Issued: time.Unix(w.Issued, 0).UTC(), Expires: time.Unix(w.Expires, 0).UTC()}, nil
}

// Valid reports that the policy is in force at a moment of the hub's clock.
func (p Policy) Valid(at time.Time) bool { return at.Before(p.Expires) }
