package wechat

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloudcashier/shared/money"
)

// rule is what the protocol says about one parameter. Lengths count characters.
type rule struct {
	name string
	must bool
	max  int
	ok   func(string) bool // nil takes anything
}

// Every request has these; they are checked before the signature.
var envelope = []rule{
	{"appid", true, 32, nil},
	{"mch_id", true, 32, nil},
	{"nonce_str", true, 32, nil},
	{"sign", true, 64, nil},
	{"sign_type", false, 32, isSignType},
	{"sub_mch_id", false, 32, isDigits}, // a service provider's, in every request
	{"sub_appid", false, 32, nil},
}

// Section 2.3. A parameter the sandbox does not know is refused.
var micropayRules = []rule{
	{"device_info", false, 32, nil},
	{"body", true, 128, nil},
	{"detail", false, 6000, isJSON},
	{"attach", false, 127, nil},
	{"out_trade_no", true, 32, isNumber},
	{"total_fee", true, 11, isFee},
	{"fee_type", false, 16, only(string(money.CNY))},
	{"spbill_create_ip", true, 64, isIP},
	{"goods_tag", false, 32, nil},
	{"limit_pay", false, 32, only("no_credit")},
	{"time_start", false, 14, isTime},
	{"time_expire", false, 14, isTime},
	{"receipt", false, 8, only("Y")},
	{"auth_code", true, 128, nil}, // its shape has an error code of its own
	{"scene_info", false, 256, isJSON},
	{"profit_sharing", false, 1, only("Y", "N")},
	{"deposit", false, 1, only("Y")},
	{"version", false, 32, only("1.0")},
}

// Section 2.5: orderquery and reverse ask for one of the two.
var refRules = []rule{
	{"transaction_id", false, 32, isDigits},
	{"out_trade_no", false, 32, isNumber},
}

// check gives the error code and text of the first parameter that does not fit.
func check(f fields, table []rule) (code, text string) {
	for _, part := range [...][]rule{envelope, table} {
		for i := range part {
			r := &part[i]
			switch v := f.get(r.name); {
			case v == "" && r.must:
				return "LACK_PARAMS", "缺少参数 " + r.name
			case v == "":
			case utf8.RuneCountInString(v) > r.max:
				return "PARAM_ERROR", "参数错误: " + r.name + " 长度超限"
			case r.ok != nil && !r.ok(v):
				return "PARAM_ERROR", "参数错误: " + r.name + " 格式错误"
			}
		}
	}
	for _, x := range f {
		if !named(envelope, x.name) && !named(table, x.name) {
			return "PARAM_ERROR", "参数错误: " + x.name + " 不支持"
		}
	}
	return "", ""
}

func named(table []rule, name string) bool {
	return slices.ContainsFunc(table, func(r rule) bool { return r.name == name })
}

func only(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

func isSignType(s string) bool { return s == string(signMD5) || s == string(signHMAC) }

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		b := s[i]
		if !('0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || strings.IndexByte("_-|*@", b) >= 0) {
			return false
		}
	}
	return true
}

func isFee(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && isDigits(s) && s[0] != '0' && n <= money.Max
}

func isIP(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// isJSON takes an object: a scalar there is always a mistake.
func isJSON(s string) bool { return strings.HasPrefix(s, "{") && json.Valid([]byte(s)) }

// beijing is the zone of every time in the protocol.
var beijing = time.FixedZone("CST", 8*60*60)

const timeLayout = "20060102150405"

func parseTime(s string) (time.Time, bool) {
	t, err := time.ParseInLocation(timeLayout, s, beijing)
	return t.UTC(), err == nil
}

func isTime(s string) bool {
	_, ok := parseTime(s)
	return ok
}

// isCode is the shape of a WeChat payment code: 18 digits, the first two 10 to 15.
func isCode(s string) bool { return len(s) == 18 && isDigits(s) && s[:2] >= "10" && s[:2] <= "15" }
