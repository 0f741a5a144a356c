package wechatv3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

// refusal is an answer other than success that is proven to be WeChat Pay's.
type refusal struct {
	status int
	code   string // WeChat Pay's own word
}

func (e *refusal) Error() string {
	return fmt.Sprintf("status %d, code %q", e.status, carry.Printable(e.code))
}

// ask sends one signed request and gives back the body of a 200 or 204 once it is proven to be WeChat Pay's. A *refusal
// in the error's chain is an answer, too. Unavailable means that nothing was sent.
func (c *Channel) ask(ctx context.Context, method string, to *url.URL, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, rules.CallTimeout)
	defer cancel()
	if err := c.ready(ctx, method == http.MethodPost); err != nil {
		return nil, err
	}
	header, err := c.header(method, to, body)
	if err != nil {
		return nil, err
	}
	got, err := carry.Send(ctx, c.via, method, to, header, body)
	if err != nil {
		return nil, fault.Wrap(carry.Scrub(err), fault.InDoubt, "wechatv3.transport", "no usable answer from WeChat Pay")
	}
	switch err := c.genuine(ctx, got.Header, got.Body); {
	case err == nil:
	case errors.Is(err, errUnsigned):
		return nil, c.unsignedAnswer(got)
	default:
		return nil, fault.Wrap(err, fault.InDoubt, "wechatv3.signature", "the answer cannot be believed: check WeChat Pay's public key and this machine's clock")
	}
	switch {
	case got.Status == http.StatusOK, got.Status == http.StatusNoContent && len(got.Body) == 0:
		return got.Body, nil
	case got.Status >= 400:
		return nil, refused(got)
	}
	return nil, doubt("status", "HTTP status %d says neither yes nor no", got.Status)
}

// genuine verifies a message's seal. A certificate that we do not know yet is looked for once.
func (c *Channel) genuine(ctx context.Context, h http.Header, body []byte) error {
	s, err := readSeal(h)
	if err != nil {
		return err
	}
	now := c.now()
	if err := s.timely(now); err != nil {
		return err
	}
	key := c.trust.find(s.serial, now)
	if key == nil && c.trust.missing(s.serial, now) {
		if err := c.look(ctx); err != nil {
			return err
		}
		key = c.trust.find(s.serial, now)
	}
	if key == nil {
		return fmt.Errorf("it is signed with the key %q, which we do not hold", carry.Printable(strings.TrimPrefix(s.serial, "PUB_KEY_ID_")))
	}
	return s.by(key, body)
}

// refused reads the body of a refusal.
func refused(got carry.Reply) error {
	var problem struct {
		Code string `json:"code"`
	}
	if err := parse(got.Body, &problem); err != nil || problem.Code == "" {
		return doubt("garbled", "HTTP status %d without a code", got.Status)
	}
	r := &refusal{got.Status, problem.Code}
	return fault.Wrap(r, fault.InDoubt, "wechatv3.refused", "WeChat Pay refused")
}

// gateClosed is a request whose signature WeChat Pay did not take: it cannot have been carried out.
var gateClosed = errors.New("SIGN_ERROR")

// unsignedAnswer judges what carries no signature. WeChat Pay signs every answer to a request that was signed well, so
// this is somebody else's, or says that our signature was not taken. The latter is believed when TLS proves who speaks:
// left in doubt, a wrong key would hold every sale of a shop open until somebody repairs it. For merchants who are
// answered otherwise there is UnsignedRefusals.
func (c *Channel) unsignedAnswer(got carry.Reply) error {
	err := doubt("unsigned", "the answer is not signed (HTTP status %d)", got.Status)
	if !got.Verified || got.Status < 400 || got.Status >= 500 {
		return err
	}
	told := refused(got)
	var r *refusal
	switch {
	case !errors.As(told, &r):
	case r.status == http.StatusUnauthorized && r.code == "SIGN_ERROR":
		return fault.Wrap(gateClosed, fault.InDoubt, "wechatv3.gate",
			"WeChat Pay did not take our signature: check the merchant's API certificate, its serial number and this machine's clock")
	case c.unsigned:
		return told
	}
	return err
}

func doubt(code, format string, args ...any) error {
	return fault.New(fault.InDoubt, "wechatv3."+code, format, args...)
}
