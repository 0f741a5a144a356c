package wechatv3

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/order"
)

const contentType = "application/json; charset=utf-8"

// signer is one of the wallet's keys and how it is called.
type signer struct {
	serial string
	key    *keys.Signer
}

func (d *Door) byCertificate() signer { return signer{d.platform.Serial, d.platform.Key} }
func (d *Door) byPublicKey() signer   { return signer{d.platform.KeyID, d.platform.PublicKey} }

// seal gives the headers that sign a body at a moment.
func (s signer) seal(now time.Time, nonce string, body []byte) (http.Header, error) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	sum := sha256.Sum256([]byte(stamp + "\n" + nonce + "\n" + string(body) + "\n"))
	sign, err := s.key.Sign(sum)
	if err != nil {
		return nil, err
	}
	return http.Header{"Wechatpay-Timestamp": {stamp}, "Wechatpay-Nonce": {nonce}, "Wechatpay-Serial": {s.serial},
		"Wechatpay-Signature": {base64.StdEncoding.EncodeToString(sign)}}, nil
}

// encrypt seals a text for the merchant.
func encrypt(key string, nonce, associated string, text []byte) map[string]any {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil // 32 bytes always
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil // AES always
	}
	return map[string]any{"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": associated,
		"ciphertext": base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), text, []byte(associated)))}
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil // maps of texts and numbers
	}
	return text
}

// reply signs an answer and gives it the way it must travel. A nil v is 204.
func (c *call) reply(s order.Step, status int, verdict string, v any) door.Reply {
	var body []byte
	if v != nil {
		body = encode(v)
	}
	header, err := c.signer.seal(c.Now, c.door.nonce(), body)
	if err != nil {
		return door.Down()
	}
	if s.Delivery == order.Forged {
		sign := header["Wechatpay-Signature"][0]
		flip := map[bool]string{true: "B", false: "A"}[sign[0] == 'A']
		header["Wechatpay-Signature"] = []string{flip + sign[1:]}
	}
	header["Request-ID"] = []string{c.door.nonce() + "-0"}
	r := door.Reply{Status: status, ContentType: contentType, Header: header, Body: body, Order: c.seen, Verdict: verdict}
	switch s.Delivery {
	case order.Late:
		r.After = order.SlowAnswer
	case order.Garbled:
		r.Body = door.Garble(r.Body)
	}
	return r
}

func (c *call) ok(v any) door.Reply { return c.reply(order.Step{}, http.StatusOK, "ok", v) }

// refuse is a signed refusal; field names the member at fault, "/amount/total".
func (c *call) refuse(status int, code, text, field string) door.Reply {
	body := map[string]any{"code": code, "message": text}
	if field != "" {
		body["detail"] = map[string]any{"field": field, "issue": text, "location": "body"}
	}
	return c.reply(order.Step{}, status, code, body)
}

// unsigned is the answer to a request that is tied to no merchant's key (section 1.9): it tells what should have been signed.
func unsigned(r door.Request, text, signed string) door.Reply {
	const shown = 200 // of the text; a payment code stands behind it
	detail := map[string]any{"field": "signature", "location": "authorization", "detail": map[string]any{"issue": "sign not match"}}
	if signed != "" {
		detail["sign_information"] = map[string]any{"method": r.Method, "url": r.URI, "sign_message_length": len(signed),
			"truncated_sign_message": signed[:min(shown, len(r.Method)+len(r.URI)+2)]}
	}
	return door.Reply{Status: http.StatusUnauthorized, ContentType: contentType, Verdict: "SIGN_ERROR",
		Body: encode(map[string]any{"code": "SIGN_ERROR", "message": text, "detail": detail})}
}

// certificates lists the platform's certificates, sealed for the merchant.
func (c *call) certificates() (door.Reply, error) {
	switch c.Query {
	case "", "algorithm_type=RSA", "algorithm_type=ALL":
	default:
		return c.refuse(http.StatusBadRequest, "PARAM_ERROR", "algorithm_type不支持", ""), nil
	}
	p := c.door.platform
	c.signer = c.door.byCertificate()
	sealed := encrypt(c.merchant.WeChat.V3Key(), c.door.nonce()[:12], "certificate", []byte(p.Cert))
	return c.ok(map[string]any{"data": []any{map[string]any{"serial_no": p.Serial, "effective_time": "2020-01-01T08:00:00+08:00",
		"expire_time": "2049-12-31T08:00:00+08:00", "encrypt_certificate": sealed}}}), nil
}
