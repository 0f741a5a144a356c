package gateway

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

const (
	schemeHMAC    = "CASHIER-HMAC-SHA256"
	schemeEd25519 = "CASHIER-ED25519"

	clockWindow = 5 * time.Minute
	minSecret   = 16 // a shorter HMAC secret is a mistake, above all an empty one
)

// credentials is an Authorization header, taken apart and not yet believed.
type credentials struct {
	scheme    string
	keyID     string
	timestamp string
	nonce     string
	signature []byte
	at        time.Time
}

// parseAuthorization takes the header apart; it knows nothing of keys, so its refusals tell none.
func parseAuthorization(h http.Header) (credentials, *Problem) {
	var c credentials
	values := h["Authorization"]
	if len(values) == 0 {
		return c, unauthenticated("auth.missing", "the request has no Authorization header", "sign the request")
	}
	malformed := func(detail string) (credentials, *Problem) {
		return c, unauthenticated("auth.malformed", detail, `write Authorization: `+schemeHMAC+
			` key_id="…",timestamp="…",nonce="…",signature="…"`)
	}
	if len(values) > 1 {
		return malformed("there is more than one Authorization header")
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	if scheme != schemeHMAC && scheme != schemeEd25519 {
		return malformed("the scheme is neither " + schemeHMAC + " nor " + schemeEd25519)
	}
	c.scheme = scheme
	var signature string
	fields := [...]struct {
		name string
		to   *string
		set  bool
	}{{name: "key_id", to: &c.keyID}, {name: "timestamp", to: &c.timestamp}, {name: "nonce", to: &c.nonce}, {name: "signature", to: &signature}}
	for _, part := range strings.Split(rest, ",") {
		name, quoted, _ := strings.Cut(strings.Trim(part, " "), "=")
		known := false
		for i := range fields {
			f := &fields[i]
			if f.name != name {
				continue
			}
			if f.set || len(quoted) < 3 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
				return malformed("field " + name + " stands twice or is not in double quotes")
			}
			*f.to, f.set, known = quoted[1:len(quoted)-1], true, true
		}
		if !known {
			return malformed("there is a field other than key_id, timestamp, nonce and signature")
		}
	}
	for _, f := range fields {
		if !f.set {
			return malformed("field " + f.name + " is missing")
		}
	}
	if !isToken(c.keyID, 1, 64) {
		return malformed("key_id is not 1 to 64 of 0-9 A-Z a-z _ -")
	}
	if !isToken(c.nonce, 8, 64) {
		return malformed("nonce is not 8 to 64 of 0-9 A-Z a-z _ -")
	}
	seconds, err := strconv.ParseUint(c.timestamp, 10, 40)
	if err != nil {
		return malformed("timestamp is not in unix seconds")
	}
	c.at = time.Unix(int64(seconds), 0)
	if c.signature, err = base64.StdEncoding.Strict().DecodeString(signature); err != nil {
		return malformed("signature is not base64")
	}
	return c, nil
}

// isToken reports min to max characters of [0-9A-Za-z_-].
func isToken(s string, min, max int) bool {
	if len(s) < min || len(s) > max {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func unauthenticated(code, detail, advice string) *Problem {
	p := refuse(http.StatusUnauthorized, code, detail, advice+"; this request was not carried out")
	p.challenge = true
	return p
}

// authenticator verifies requests.
type authenticator struct {
	keys   Keys
	nonces Nonces
	now    func() time.Time
	log    *slog.Logger
	nobody APIKey // stands in for an unknown key, so that the work is the same
}

func newAuthenticator(keys Keys, nonces Nonces, now func() time.Time, log *slog.Logger) *authenticator {
	return &authenticator{keys: keys, nonces: nonces, now: now, log: log, nobody: APIKey{
		Secret: make([]byte, 32),
		Public: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey),
	}}
}

// verify finds who sent the request, which may be one that was sent before. An unknown key, a revoked one, one of the other scheme and a
// wrong signature give the same answer after the same work.
func (a *authenticator) verify(r *http.Request, body []byte) (APIKey, credentials, *Problem) {
	c, problem := parseAuthorization(r.Header)
	if problem != nil {
		return APIKey{}, c, problem
	}
	now := a.now()
	if d := now.Sub(c.at); d > clockWindow || d < -clockWindow {
		return APIKey{}, c, unauthenticated("auth.clock",
			"the timestamp is more than 5 minutes from the hub's clock, which shows "+strconv.FormatInt(now.Unix(), 10),
			"set the clock and sign the request afresh")
	}
	key, err := a.keys.APIKey(c.keyID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		a.log.Error("cannot read an API key", logs.Err, err)
		return APIKey{}, c, unavailable("hub.unavailable", "the hub cannot check keys now")
	}
	usable := err == nil && !key.Revoked
	if usable && c.scheme == schemeHMAC {
		usable = len(key.Secret) >= minSecret
	} else if usable {
		usable = len(key.Public) == ed25519.PublicKeySize
	}
	with := a.nobody
	if usable {
		with = key
	}
	matches := false
	if text := requestText(r, c, body); c.scheme == schemeHMAC {
		matches = hmac.Equal(macOf(with.Secret, text), c.signature)
	} else {
		matches = ed25519.Verify(with.Public, text, c.signature)
	}
	if !matches || !usable {
		return APIKey{}, c, unauthenticated("auth.signature", "the key or the signature is not right",
			`sign METHOD\nPATH?QUERY\nTIMESTAMP\nNONCE\nBODY\n exactly as sent`)
	}
	return key, c, nil
}

// once is the request's nonce. It is remembered as long as its timestamp could pass the window again.
func (c credentials) once() *engine.Once {
	return &engine.Once{Key: c.keyID, Nonce: c.nonce, Expires: c.at.Add(clockWindow + time.Second)}
}

// useUp takes a nonce that nothing else has used up; a request that was sent before is refused.
func (a *authenticator) useUp(o *engine.Once) *Problem {
	if !o.Used && !o.Replayed {
		fresh, err := a.nonces.UseNonce(o.Key, o.Nonce, o.Expires)
		if err != nil {
			a.log.Error("cannot record a nonce", logs.Err, err)
			return unavailable("hub.unavailable", "the hub cannot check nonces now")
		}
		o.Used, o.Replayed = fresh, !fresh
	}
	if o.Replayed {
		return unauthenticated("auth.replayed", "this nonce was used before", "sign each request, also a repeated one, with a nonce of its own")
	}
	return nil
}

// requestText is what the merchant signed. The path is the request-target as it came.
func requestText(r *http.Request, c credentials, body []byte) []byte {
	text := make([]byte, 0, len(r.Method)+len(r.RequestURI)+len(c.timestamp)+len(c.nonce)+len(body)+5)
	for _, s := range [...]string{r.Method, r.RequestURI, c.timestamp, c.nonce} {
		text = append(append(text, s...), '\n')
	}
	return append(append(text, body...), '\n')
}

func macOf(secret, text []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(text)
	return mac.Sum(nil)
}

// signAnswer adds the headers that prove the answer is the hub's and belongs to this request: a
// fresh timestamp, and the request's nonce.
func (g *Gateway) signAnswer(h http.Header, key APIKey, c credentials, status int, body []byte) {
	at := strconv.FormatInt(g.deps.Now().Unix(), 10)
	text := make([]byte, 0, len(at)+len(c.nonce)+len(body)+8)
	for _, s := range [...]string{strconv.Itoa(status), at, c.nonce} {
		text = append(append(text, s...), '\n')
	}
	text = append(append(text, body...), '\n')
	var signature []byte
	keyID := key.ID
	if c.scheme == schemeHMAC {
		signature = macOf(key.Secret, text)
	} else {
		keyID, signature = g.cfg.SigningKeyID, ed25519.Sign(g.cfg.SigningKey, text)
	}
	h.Set("Cashier-Timestamp", at)
	h.Set("Cashier-Nonce", c.nonce)
	h.Set("Cashier-Key-Id", keyID)
	h.Set("Cashier-Signature", base64.StdEncoding.EncodeToString(signature))
}
