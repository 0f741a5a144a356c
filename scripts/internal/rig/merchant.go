package rig

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"cloudcashier/shared/pay"
)

// Payment is a payment as the merchant API shows it.
type Payment struct {
	ID       string      `json:"id"`
	OrderNo  string      `json:"order_no"`
	Status   pay.Status  `json:"status"`
	Outcome  pay.Outcome `json:"outcome"`
	Amount   int64       `json:"amount"`
	Currency string      `json:"currency"`

	RefundedAmount int64 `json:"refunded_amount"`

	Wallet    pay.Wallet `json:"wallet"`
	WalletRef string     `json:"wallet_ref"`
	PaidAt    *time.Time `json:"paid_at"`
	Decline   *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"decline"`
	QR     string `json:"qr"`
	Advice string `json:"advice"`
}

// Call is one request to the merchant API. The zero fields are filled as an honest merchant does; a test bends
// them to be somebody else.
type Call struct {
	Method, Path string // "/v1/payments?order_no=…"
	Body         []byte
	Stamp        time.Time
	Nonce        string
	Sent         []byte // what really leaves instead of the signed Body
}

// Answer is what came back.
type Answer struct {
	Status int
	Body   []byte
	Proven bool // signed by the hub over exactly this
}

// Do signs the call with the lab's API key, sends it and checks the answer's signature.
func (l *Lab) Do(ctx context.Context, c Call) (Answer, error) {
	if c.Stamp.IsZero() {
		c.Stamp = time.Now()
	}
	if c.Nonce == "" {
		c.Nonce = Nonce()
	}
	if c.Sent == nil {
		c.Sent = c.Body
	}
	stamp := strconv.FormatInt(c.Stamp.Unix(), 10)
	signature := l.sign(c.Method, c.Path, stamp, c.Nonce, string(c.Body))
	request, err := http.NewRequestWithContext(ctx, c.Method, l.API+c.Path, bytes.NewReader(c.Sent))
	if err != nil {
		return Answer{}, fmt.Errorf("call the API: %w", err)
	}
	if len(c.Sent) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", fmt.Sprintf(`CASHIER-HMAC-SHA256 key_id="%s",timestamp="%s",nonce="%s",signature="%s"`,
		l.APIKeyID, stamp, c.Nonce, signature))
	answer, err := l.http.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("call the API: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("call the API: %w", err)
	}
	head := answer.Header
	want := l.sign(strconv.Itoa(answer.StatusCode), head.Get("Cashier-Timestamp"), head.Get("Cashier-Nonce"), string(body))
	return Answer{answer.StatusCode, body, hmac.Equal([]byte(want), []byte(head.Get("Cashier-Signature")))}, nil
}

// sign is the signature over the parts, each followed by a line end.
func (l *Lab) sign(parts ...string) string {
	mac := hmac.New(sha256.New, []byte(l.APISecret))
	for _, p := range parts {
		mac.Write([]byte(p + "\n"))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Nonce makes a fresh one.
func Nonce() string { return rand.Text() }

// Pay asks for a payment and waits for it up to wait. The answer must be signed by the hub.
func (l *Lab) Pay(ctx context.Context, orderNo string, amount int64, code string, wait time.Duration) (p Payment, err error) {
	body, err := json.Marshal(map[string]any{
		"order_no": orderNo, "amount": amount, "code": code, "subject": "demo goods", "wait_ms": wait.Milliseconds(),
	})
	if err != nil {
		return p, fmt.Errorf("ask for a payment: %w", err)
	}
	return l.payment(ctx, Call{Method: http.MethodPost, Path: "/v1/payments", Body: body})
}

// Payment reads a payment.
func (l *Lab) Payment(ctx context.Context, id string) (Payment, error) {
	return l.payment(ctx, Call{Method: http.MethodGet, Path: "/v1/payments/" + id})
}

func (l *Lab) payment(ctx context.Context, c Call) (p Payment, err error) {
	answer, err := l.Do(ctx, c)
	if err != nil {
		return p, err
	}
	if !answer.Proven {
		return p, fmt.Errorf("the hub's answer to %s %s (%d) is not signed by the hub: %s", c.Method, c.Path, answer.Status, answer.Body)
	}
	if answer.Status/100 != 2 {
		return p, fmt.Errorf("the hub answers %s %s with %d: %s", c.Method, c.Path, answer.Status, answer.Body)
	}
	return p, json.Unmarshal(answer.Body, &p)
}

// AwaitPayment returns the payment when its outcome is final.
func (l *Lab) AwaitPayment(ctx context.Context, id string) (p Payment, err error) {
	err = Await(ctx, "payment "+id+" is settled", func() (bool, error) {
		q, err := l.Payment(ctx, id)
		if err != nil {
			return false, err
		}
		p = q
		return p.Outcome != pay.Unknown, fmt.Errorf("payment is %s", p.Status)
	})
	return p, err
}
