package alipay

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloudcashier/shared/money"
	"cloudcashier/shared/strictjson"
)

// content is a decoded biz_content.
type content map[string]json.RawMessage

// rule is what the protocol says about one field. Lengths count characters.
type rule struct {
	name string
	must bool
	max  int               // of a text; 0 means an object or a list
	ok   func(string) bool // nil takes any text
}

// payRules is section 3.3.
var payRules = []rule{
	{"out_trade_no", true, 64, isNumber},
	{"scene", false, 32, only("bar_code")}, // security_code (face) is not pretended
	{"auth_code", true, 64, nil},           // its shape has an error code of its own
	{"product_code", false, 64, only("FACE_TO_FACE_PAYMENT")},
	{"subject", true, 256, func(s string) bool { return !strings.ContainsAny(s, "/=&") }},
	{"total_amount", true, 12, isAmount},
	{"seller_id", false, 28, nil},
	{"discountable_amount", false, 12, isAmount},
	{"undiscountable_amount", false, 12, isAmount},
	{"body", false, 128, nil},
	{"goods_detail", false, 0, nil},
	{"operator_id", false, 28, nil},
	{"store_id", false, 32, nil},
	{"alipay_store_id", false, 32, nil},
	{"terminal_id", false, 32, nil},
	{"terminal_params", false, 2048, nil},
	{"extend_params", false, 0, nil},
	{"timeout_express", false, 6, isTimeout},
	{"time_expire", false, 32, isTime},
	{"query_options", false, 0, nil},
	{"business_params", false, 0, nil},
	{"passback_params", false, 512, nil},
	{"sub_merchant", false, 0, nil},
	{"settle_info", false, 0, nil},
	{"pay_params", false, 0, nil},
	{"bkagent_req_info", false, 0, nil},
	{"request_org_pid", false, 16, nil},
}

// Section 3.4: query and cancel ask for one of the two.
var (
	queryRules = []rule{
		{"out_trade_no", false, 64, isNumber},
		{"trade_no", false, 64, nil},
		{"query_options", false, 0, nil},
	}
	cancelRules = queryRules[:2]
)

// goodsRules is one line of goods_detail.
var goodsRules = []rule{
	{"goods_id", true, 64, nil},
	{"goods_name", true, 256, nil},
	{"quantity", true, 10, isCount},
	{"price", true, 12, isAmount},
	{"alipay_goods_id", false, 64, nil},
	{"goods_category", false, 24, nil},
	{"categories_tree", false, 128, nil},
	{"show_url", false, 400, nil},
}

// text gives a field: a string's value, a number's literal, "" for what is absent.
func (c content) text(name string) string {
	raw := c[name]
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// check gives the name of the first field that does not fit, "" when all do.
func (c content) check(table []rule) string {
	for i := range table {
		r := &table[i]
		raw, given := c[r.name]
		if !given {
			if r.must {
				return r.name
			}
			continue
		}
		text, number, scalar := "", false, false
		switch raw[0] {
		case '"':
			text, scalar = c.text(r.name), true
		case '{', '[':
		default:
			text, number, scalar = string(raw), true, true
		}
		switch {
		case scalar != (r.max > 0):
			return r.name
		case !scalar:
			continue
		case number && r.name != "total_amount" && r.name != "refund_amount" && r.name != "price" && r.name != "quantity":
			return r.name
		case text == "" && r.must, utf8.RuneCountInString(text) > r.max:
			return r.name
		case text != "" && r.ok != nil && !r.ok(text):
			return r.name
		}
	}
	for name := range c {
		if !slices.ContainsFunc(table, func(r rule) bool { return r.name == name }) {
			return name
		}
	}
	return c.checkGoods()
}

func (c content) checkGoods() string {
	raw, given := c["goods_detail"]
	if !given {
		return ""
	}
	var goods []content
	if json.Unmarshal(raw, &goods) != nil {
		return "goods_detail"
	}
	for _, g := range goods {
		if name := g.check(goodsRules); name != "" {
			return "goods_detail." + name
		}
	}
	return ""
}

// digest tells two requests under one number apart.
func (c content) digest() (out [16]byte) {
	names := make([]string, 0, len(c))
	for name := range c {
		names = append(names, name)
	}
	slices.Sort(names)
	var all bytes.Buffer
	for _, name := range names {
		all.WriteString(name)
		all.WriteByte(0)
		_ = json.Compact(&all, c[name]) // it parsed before
		all.WriteByte(0)
	}
	sum := sha256.Sum256(all.Bytes())
	copy(out[:], sum[:])
	return out
}

func parseContent(s string) (content, bool) {
	var c content
	return c, strictjson.Decode([]byte(s), &c) == nil && c != nil
}

func only(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		b := s[i]
		if !('0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || b == '_') {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// isAmount takes yuan from 0.01 to 100000000.
func isAmount(s string) bool {
	a, err := money.ParseYuan(s)
	return err == nil && a.Charge() == nil
}

func isCount(s string) bool {
	n, err := strconv.ParseUint(s, 10, 32)
	return err == nil && n > 0
}

// china is the zone of every time in the protocol.
var china = time.FixedZone("CST", 8*60*60)

const timeLayout = "2006-01-02 15:04:05"

func parseTime(s string) (time.Time, bool) {
	t, err := time.ParseInLocation(timeLayout, s, china)
	return t.UTC(), err == nil && len(s) == len(timeLayout)
}

func isTime(s string) bool {
	_, ok := parseTime(s)
	return ok
}

const (
	minTimeout = time.Minute
	maxTimeout = 15 * 24 * time.Hour
)

// parseTimeout reads timeout_express: 1m to 15d, or 1c, the end of the day in China.
func parseTimeout(s string, now time.Time) (time.Time, bool) {
	if s == "1c" {
		y, m, d := now.In(china).Date()
		return time.Date(y, m, d+1, 0, 0, 0, 0, china).UTC(), true
	}
	if len(s) < 2 {
		return time.Time{}, false
	}
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	life := time.Duration(n) * unit
	return now.Add(life), err == nil && life >= minTimeout && life <= maxTimeout
}

func isTimeout(s string) bool {
	_, ok := parseTimeout(s, time.Unix(0, 0))
	return ok
}

// isCode is the shape of an Alipay payment code: 16 to 24 digits, the first two 25 to 30.
func isCode(s string) bool {
	return len(s) >= 16 && len(s) <= 24 && isDigits(s) && s[:2] >= "25" && s[:2] <= "30"
}
