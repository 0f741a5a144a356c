package wechatv3

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

// The pace of the platform's certificates: WeChat Pay overlaps old and new ones by days.
const (
	freshFor  = time.Hour      // whoever asks a question then looks for new ones
	goodFor   = 12 * time.Hour // then a payment looks, too
	retryLook = time.Minute    // after a look, whatever it brought
)

// vouched is a key with the time in which it may sign.
type vouched struct {
	key         *rsa.PublicKey
	from, until time.Time // zero: for ever
}

// trust holds WeChat Pay's keys, by what Wechatpay-Serial calls them.
type trust struct {
	given    map[string]vouched // public-key mode: never changes
	first    string             // the id to ask for
	download bool

	looking chan struct{} // one place, for the one who downloads
	mu      sync.Mutex
	held    map[string]vouched // certificate mode
	looked  time.Time          // when the last look ended
	failed  error              // how
	brought time.Time          // last success
	missed  bool               // a notice came that is signed with a key we do not hold
}

func newTrust(keys []PublicKey, download bool) *trust {
	t := &trust{given: map[string]vouched{}, download: download, looking: make(chan struct{}, 1)}
	for i, k := range keys {
		if i == 0 {
			t.first = k.ID
		}
		t.given[strings.ToUpper(k.ID)] = vouched{key: k.Key}
	}
	return t
}

// wanted is the key that answers should be signed with; empty before the first certificate is here.
func (t *trust) wanted() string {
	if t.first != "" {
		return t.first
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	best := ""
	for serial, v := range t.held {
		if best == "" || v.from.After(t.held[best].from) {
			best = serial
		}
	}
	return best
}

// find gives the key of that name, if it may sign now.
func (t *trust) find(serial string, now time.Time) *rsa.PublicKey {
	t.mu.Lock()
	held, ok := t.held[serial]
	t.mu.Unlock()
	if g, given := t.given[serial]; given {
		held, ok = g, true
	}
	if !ok || !held.until.IsZero() && (now.Before(held.from) || !now.Before(held.until)) {
		return nil
	}
	return held.key
}

// due reports that certificates should be looked for. hurry: a customer waits.
func (t *trust) due(now time.Time, hurry bool) bool {
	if !t.download {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := freshFor
	if hurry {
		limit = goodFor
	}
	if len(t.held) == 0 && len(t.given) == 0 {
		return true // nothing could be verified: each call tries
	}
	return (now.Sub(t.brought) >= limit || t.missed && !hurry) && now.Sub(t.looked).Abs() >= retryLook
}

// missing reports that an unknown serial is worth a look: a key may have been changed since the last.
func (t *trust) missing(serial string, now time.Time) bool {
	if !t.download || strings.HasPrefix(serial, "PUB_KEY_ID_") {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Sub(t.looked).Abs() >= retryLook
}

// outdated says that somebody signs with a key we do not hold, so that the next question looks for new ones. It may be
// anybody: no customer waits for that.
func (t *trust) outdated() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.missed = true
}

// ready sees that answers can be verified. An error means that nothing could be, so that nothing should leave.
func (c *Channel) ready(ctx context.Context, hurry bool) error {
	if !c.trust.due(c.now(), hurry) {
		return nil
	}
	err := c.look(ctx)
	if c.trust.wanted() != "" {
		return nil // those we have still serve
	}
	return fault.Wrap(err, fault.Unavailable, "wechatv3.certificates", "WeChat Pay's certificates cannot be had, so nothing was sent")
}

// look downloads the platform's certificates. Those who come meanwhile wait, and share what it brought.
func (c *Channel) look(ctx context.Context) error {
	t, began := c.trust, c.now()
	select {
	case t.looking <- struct{}{}:
		defer func() { <-t.looking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	t.mu.Lock()
	shared, failed := t.looked.After(began) || t.looked.Equal(began) && len(t.held) > 0, t.failed
	t.mu.Unlock()
	if shared {
		return failed
	}
	found, err := c.fetchCertificates(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked, t.failed, t.missed = c.now(), err, false
	if err == nil {
		t.held, t.brought = found, t.looked
	}
	return err
}

// sealed is something encrypted with the APIv3 key (section 1.4).
type sealed struct {
	OriginalType   string `json:"original_type"` // of notices
	Algorithm      string `json:"algorithm"`
	Nonce          string `json:"nonce"`
	AssociatedData string `json:"associated_data"` // may be absent: then nothing is associated
	Ciphertext     string `json:"ciphertext"`
}

var errSealed = errors.New("it was not encrypted with our APIv3 key, or was changed")

// open decrypts; the tag proves that whoever encrypted holds the key.
func (s sealed) open(key []byte) ([]byte, error) {
	if s.Algorithm != "AEAD_AES_256_GCM" || len(s.Nonce) != 12 {
		return nil, errSealed
	}
	text, err := base64.StdEncoding.Strict().DecodeString(s.Ciphertext)
	if err != nil {
		return nil, errSealed
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errSealed
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, errSealed
	}
	plain, err := aead.Open(nil, []byte(s.Nonce), text, []byte(s.AssociatedData))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// fetchCertificates asks for the platform's certificates. They are signed by one of themselves, so each is proven first by
// its encryption, which takes our APIv3 key; then the answer as a whole by one of them or of those we hold.
func (c *Channel) fetchCertificates(ctx context.Context) (map[string]vouched, error) {
	to := c.base.JoinPath("v3/certificates")
	to.RawQuery = "algorithm_type=RSA"
	header, err := c.header(http.MethodGet, to, nil)
	if err != nil {
		return nil, err
	}
	header.Del("Wechatpay-Serial")
	got, err := carry.Send(ctx, c.via, http.MethodGet, to, header, nil)
	if err != nil {
		return nil, fault.Wrap(carry.Scrub(err), fault.InDoubt, "wechatv3.transport", "no usable answer from WeChat Pay")
	}
	if got.Status != http.StatusOK {
		return nil, doubt("certificates", "HTTP status %d for the platform's certificates: a merchant with WeChat Pay's public key has none, configure that", got.Status)
	}
	found, err := readCertificates(got.Body, c.apiKey)
	if err != nil {
		return nil, fault.Wrap(err, fault.InDoubt, "wechatv3.certificates", "the platform's certificates cannot be believed: check the APIv3 key")
	}
	now := c.now()
	s, err := readSeal(got.Header)
	if err == nil {
		err = s.timely(now)
	}
	if err == nil {
		key := c.trust.find(s.serial, now)
		if v, own := found[s.serial]; own && key == nil && !now.Before(v.from) && now.Before(v.until) {
			key = v.key
		}
		if err = errors.New("it is signed with a certificate that is not in it"); key != nil {
			err = s.by(key, got.Body)
		}
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.InDoubt, "wechatv3.certificates", "the answer with the platform's certificates cannot be believed")
	}
	return found, nil
}

// maxCertificates is far above the two that a change needs.
const maxCertificates = 16

// readCertificates decrypts a list; one that does not fit spoils it.
func readCertificates(body, apiKey []byte) (map[string]vouched, error) {
	var list struct {
		Data []struct {
			SerialNo  string `json:"serial_no"`
			Encrypted sealed `json:"encrypt_certificate"`
		} `json:"data"`
	}
	if err := parse(body, &list); err != nil {
		return nil, err
	}
	if len(list.Data) == 0 || len(list.Data) > maxCertificates {
		return nil, fmt.Errorf("%d certificates", len(list.Data))
	}
	found := map[string]vouched{}
	for _, item := range list.Data {
		text, err := item.Encrypted.open(apiKey)
		if err != nil {
			return nil, err
		}
		serial, v, err := readCertificate(text)
		if err != nil {
			return nil, err
		}
		if serial != strings.ToUpper(item.SerialNo) {
			return nil, errors.New("a certificate has another serial number than its line")
		}
		found[serial] = v
	}
	return found, nil
}

func readCertificate(text []byte) (serial string, v vouched, err error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", v, errors.New("what was encrypted is no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", v, errors.New("a certificate cannot be read")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || !longRSA(key) {
		return "", v, errors.New("a certificate's key is no RSA key of 2048 bits or more")
	}
	return fmt.Sprintf("%X", cert.SerialNumber), vouched{key, cert.NotBefore, cert.NotAfter}, nil
}
