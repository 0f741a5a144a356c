package unionpay

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
)

// signedText joins all fields but the signature, sorted by name, values as they are.
func signedText(params map[string]string) []byte {
	out := make([]byte, 0, 4096)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name == "signature" {
			continue
		}
		if len(out) > 0 {
			out = append(out, '&')
		}
		out = append(append(append(out, name...), '='), params[name]...)
	}
	return out
}

// digest is what RSA signs: the hash of the hash's hexadecimal text.
func digest(text []byte) [sha256.Size]byte {
	first := sha256.Sum256(text)
	return sha256.Sum256([]byte(hex.EncodeToString(first[:])))
}

func verify(key *rsa.PublicKey, params map[string]string) bool {
	sign := params["signature"]
	raw, err := base64.StdEncoding.Strict().DecodeString(sign)
	if err != nil || len(sign) != base64.StdEncoding.EncodedLen(len(raw)) { // the decoder skips line ends
		return false
	}
	sum := digest(signedText(params))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

// seal writes an answer, sorted by name, values not encoded; forged breaks the signature and
// leaves its shape.
func (d *Door) seal(out map[string]string, forged bool) ([]byte, error) {
	out["signMethod"], out["version"], out["encoding"] = "01", "5.1.0", "UTF-8"
	out["signPubKeyCert"] = d.Keys.Cert
	sum := digest(signedText(out))
	raw, err := d.Keys.Key.Sign(sum)
	if err != nil {
		return nil, fmt.Errorf("sign answer: %w", err)
	}
	if forged {
		raw[0] ^= 1
	}
	out["signature"] = base64.StdEncoding.EncodeToString(raw)
	var body []byte
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if len(body) > 0 {
			body = append(body, '&')
		}
		body = append(append(append(body, name...), '='), out[name]...)
	}
	return body, nil
}

// echoed are the fields an answer repeats of the request, where they are fit to be repeated.
var echoed = []string{"accessType", "bizType", "currencyCode", "merId", "orderId", "reqReserved", "txnAmt", "txnSubType", "txnTime", "txnType"}

// echo begins an answer with what was asked.
func (c *call) echo() map[string]string {
	out := map[string]string{}
	for _, name := range echoed {
		if v := c.params[name]; v != "" && payRules[name].shape.MatchString(v) {
			out[name] = v
		}
	}
	return out
}

// reply signs an answer and gives it the way it must travel.
func (c *call) reply(s order.Step, out map[string]string, code, text string) (door.Reply, error) {
	out["respCode"], out["respMsg"] = code, text
	body, err := c.door.seal(out, s.Delivery == order.Forged)
	if err != nil {
		return door.Reply{}, err
	}
	r := door.Reply{Status: http.StatusOK, ContentType: "text/html;charset=UTF-8", Body: body, Order: c.params["orderId"], Verdict: code + " " + out["origRespCode"]}
	switch s.Delivery {
	case order.Late:
		r.After = order.SlowAnswer
	case order.Garbled:
		r.Body = door.Garble(r.Body)
	}
	return r, nil
}

func (c *call) refuse(code, text string) (door.Reply, error) {
	return c.reply(order.Step{}, c.echo(), code, text)
}

func (c *call) down(s order.Step) door.Reply {
	r := door.Down()
	r.Order, r.Verdict = c.params["orderId"], string(s.Verdict)
	return r
}
