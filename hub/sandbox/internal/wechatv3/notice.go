package wechatv3

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/pay"
)

// watched is something whose end the merchant wants to be told of. It lives in memory: a sandbox that was restarted tells
// nobody, as a wallet may fail to, and merchants must ask anyway.
type watched struct {
	url      string
	merchant string // who gets it: the signer of the request
	partner  bool
	ref      book.Ref
	refund   string // its number; empty: the order
	tries    int
	next     time.Time
}

// outbox is what is still to be told.
type outbox struct {
	mu   sync.Mutex
	list []*watched
	kick chan struct{} // something may have happened
}

// maxWatched bounds the outbox; the oldest go first.
const maxWatched = 10_000

// ladder is the wallet's own (section 1.10) as far as somebody at a desk waits for it.
var ladder = []time.Duration{15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute}

func (d *Door) watch(w watched) {
	d.box.mu.Lock()
	for _, known := range d.box.list {
		if known.ref == w.ref && known.refund == w.refund {
			d.box.mu.Unlock()
			return
		}
	}
	if len(d.box.list) >= maxWatched {
		d.box.list = d.box.list[1:]
	}
	d.box.list = append(d.box.list, &w)
	d.box.mu.Unlock()
	d.Kick()
}

// Kick says that something happened which merchants may want to be told of.
func (d *Door) Kick() {
	select {
	case d.box.kick <- struct{}{}:
	default:
	}
}

// Kicked tells when.
func (d *Door) Kicked() <-chan struct{} { return d.box.kick }

// Notify tells merchants of what ended until now, one try each, and forgets what was heard or has no try left.
func (d *Door) Notify(ctx context.Context, client *http.Client, now time.Time) error {
	d.box.mu.Lock()
	list := append([]*watched(nil), d.box.list...)
	d.box.mu.Unlock()
	for _, w := range list {
		if now.Before(w.next) {
			continue
		}
		kind, resource, ended, err := d.ended(w, now)
		if err != nil {
			return err
		}
		if !ended {
			continue
		}
		if kind == "" || d.tell(ctx, client, w, kind, resource, now) || w.tries == len(ladder) {
			d.forget(w)
			continue
		}
		w.next = now.Add(ladder[w.tries])
		w.tries++
	}
	return nil
}

func (d *Door) forget(w *watched) {
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	for i, x := range d.box.list {
		if x == w {
			d.box.list = append(d.box.list[:i], d.box.list[i+1:]...)
			return
		}
	}
}

// ended looks whether there is something to tell. An empty kind: it ended, and nobody is told of that.
func (d *Door) ended(w *watched, now time.Time) (kind string, resource map[string]any, ended bool, err error) {
	if w.refund == "" {
		s, err := d.book.Query(now, w.ref)
		switch {
		case err != nil || s.Order.State == order.Waiting:
			return "", nil, false, err
		case s.Order.State != order.Paid:
			return "", nil, true, nil
		}
		resource = d.state(w.merchant, s.Order)
		resource["trade_state"] = "SUCCESS" // what the notice is about, whatever was refunded since
		return "TRANSACTION.SUCCESS", resource, true, nil
	}
	o, list, err := d.book.Refunds(now, book.Ref{Wallet: pay.WeChat, Mch: w.ref.Mch}, book.RefundRef{Number: w.refund})
	if err != nil || len(list) == 0 || list[0].State == order.Processing {
		return "", nil, false, err
	}
	resource = refundState(o, &list[0])
	status := resource["status"].(string)
	for _, name := range []string{"status", "channel", "create_time", "funds_account", "promotion_detail"} {
		delete(resource, name)
	}
	resource["refund_status"] = status
	resource["amount"] = map[string]any{"total": o.Amount.Fen(), "refund": list[0].Amount.Fen(), "payer_total": o.Amount.Fen(), "payer_refund": list[0].Amount.Fen()}
	for k, v := range d.names(w.merchant, w.ref.Mch) {
		if k != "appid" && k != "sp_appid" {
			resource[k] = v
		}
	}
	return "REFUND." + status, resource, true, nil
}

// Envelope makes a notice: sealed with the merchant's APIv3 key and signed with the public key, which new merchants get
// whatever they configured.
func (d *Door) Envelope(mchid, kind string, resource map[string]any, now time.Time) ([]byte, http.Header, error) {
	original := map[bool]string{true: "transaction", false: "refund"}[kind == "TRANSACTION.SUCCESS"]
	sealed := encrypt(d.merchants.WeChatMch(mchid).WeChat.V3Key(), d.nonce()[:12], original, encode(resource))
	sealed["original_type"] = original
	body := encode(map[string]any{"id": "EV-" + d.nonce(), "create_time": now.In(beijing).Format(time.RFC3339), "resource_type": "encrypt-resource",
		"event_type": kind, "summary": map[string]string{"TRANSACTION.SUCCESS": "支付成功", "REFUND.SUCCESS": "退款成功", "REFUND.CLOSED": "退款关闭"}[kind],
		"resource": sealed})
	header, err := d.byPublicKey().seal(now, d.nonce(), body)
	if err == nil {
		header["Wechatpay-Signature-Type"] = []string{"WECHATPAY2-SHA256-RSA2048"}
		header["Content-Type"] = []string{"application/json"}
	}
	return body, header, err
}

// patience is the wallet's own (section 1.10).
const patience = 5 * time.Second

// tell posts a notice; true when the merchant took it.
func (d *Door) tell(ctx context.Context, client *http.Client, w *watched, kind string, resource map[string]any, now time.Time) bool {
	body, header, err := d.Envelope(w.merchant, kind, resource, now)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return true // no address: there is nobody to tell
	}
	request.Header = header
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	var told struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(text, &told) // an empty body is a yes, too
	return (answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusNoContent) && (told.Code == "" || told.Code == "SUCCESS")
}
