package wechatv3

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"cloudcashier/hub/internal/channel/carry"
)

// Bounds of a document; an order with every coupon nests five deep.
const (
	maxDepth = 16
	maxNames = 1024
)

var errJSON = errors.New("no strict JSON")

// parse reads one JSON object. A name that comes twice in one object, in whatever letter case, is refused: encoding/json
// would take the last of them, a forger's other half the first. Unknown names are passed over, as WeChat Pay adds some.
func parse(text []byte, into any) error {
	if !utf8.Valid(text) {
		return fmt.Errorf("%w: not UTF-8", errJSON)
	}
	if err := distinct(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: a member is of another kind than it should be", errJSON)
	}
	return nil
}

// level is an object or array that is being read.
type level struct {
	names map[string]bool // nil for an array
	name  bool            // a name comes next
}

func distinct(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var open []level
	for count := 0; ; count++ {
		token, err := d.Token()
		if err != nil || count > maxNames*4 {
			return fmt.Errorf("%w: it does not parse, or is too long", errJSON)
		}
		if len(open) == 0 && token != json.Delim('{') {
			return fmt.Errorf("%w: no object", errJSON)
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			top := &open[n-1]
			if name, is := token.(string); is && top.name {
				name = strings.ToLower(name)
				if top.names[name] || len(top.names) == maxNames {
					return fmt.Errorf("%w: a name came twice", errJSON)
				}
				top.names[name], top.name = true, false
				continue
			}
			top.name = true
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{map[string]bool{}, true})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		switch {
		case len(open) > maxDepth:
			return fmt.Errorf("%w: it nests too deep", errJSON)
		case len(open) == 0:
			if _, err := d.Token(); !errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: more after the object", errJSON)
			}
			return nil
		}
	}
}

// account names the merchant in answers; a partner's in other words.
type account struct {
	AppID    string `json:"appid"`
	MchID    string `json:"mchid"`
	SpAppID  string `json:"sp_appid"`
	SpMchID  string `json:"sp_mchid"`
	SubAppID string `json:"sub_appid"`
	SubMchID string `json:"sub_mchid"`
}

// transaction is what an answer or a notice says of an order.
type transaction struct {
	account
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	TradeState    string `json:"trade_state"`
	SuccessTime   string `json:"success_time"`
	Amount        *sum   `json:"amount"`
}

type sum struct {
	Total    *int64 `json:"total"`
	Refund   *int64 `json:"refund"`
	Currency string `json:"currency"`
}

// givenBack is what an answer says of a refund. Notices call its status refund_status and name the merchant.
type givenBack struct {
	account
	RefundID      string `json:"refund_id"`
	OutRefundNo   string `json:"out_refund_no"`
	TransactionID string `json:"transaction_id"`
	OutTradeNo    string `json:"out_trade_no"`
	Status        string `json:"status"`
	RefundStatus  string `json:"refund_status"`
	SuccessTime   string `json:"success_time"`
	Amount        *sum   `json:"amount"`
}

// moment reads one of the wallet's times; false when there is none.
func moment(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err == nil
}

// ours reports that an answer names our merchant, as far as it names one; must: it has to.
func (p parties) ours(a account, must bool) bool {
	want := []struct{ got, want string }{{a.AppID, p.appID}, {a.MchID, p.mchID}}
	named := a.MchID != ""
	if p.partner() {
		want = []struct{ got, want string }{{a.SpAppID, p.appID}, {a.SpMchID, p.mchID}, {a.SubMchID, p.sub.MchID}, {a.SubAppID, p.sub.AppID}}
		named = a.SpMchID != "" && a.SubMchID != ""
	}
	for _, x := range want {
		if x.got != "" && x.got != x.want {
			return false
		}
	}
	return named || !must
}

func printable(s string) string { return carry.Printable(s) }
