package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// other is a merchant beside the one of the day: its account, its application's key and what it agreed upon with the wallets.
type other struct {
	Name    string          `json:"name"`
	Account account         `json:"account"`
	Key     string          `json:"alipay_key"`
	Terms   json.RawMessage `json:"terms"` // the sandbox's answer to /sandbox/terms; null for who agreed upon nothing
}

// others opens the merchants whose agreements the SDKs try: those of whom a term speaks come first.
func (w *wallets) others(ctx context.Context) (map[string]other, error) {
	out := map[string]other{}
	for _, x := range []struct {
		is    string
		terms map[string]any
	}{
		{"certified", map[string]any{"alipay_certificate": true}},
		{"sealed", map[string]any{"alipay_content_key": true}},
		{"sub", nil},
		{"stranger", nil},
		{"provider", map[string]any{"subs": []string{"Conformance sub"}}},
	} {
		own := wallets{url: w.url}
		o := other{Name: "Conformance " + x.is, Terms: json.RawMessage("null")}
		var err error
		if o.Key, err = own.register(ctx, o.Name); err != nil {
			return nil, err
		}
		o.Account = own.account
		if x.terms != nil {
			x.terms["name"] = o.Name
			body, err := json.Marshal(x.terms)
			if err != nil {
				return nil, fmt.Errorf("agree upon terms: %w", err)
			}
			if o.Terms, err = w.ask(ctx, http.MethodPost, "/sandbox/terms", body); err != nil {
				return nil, err
			}
		}
		out[x.is] = o
	}
	return out, nil
}

// agreed are the ways to speak beyond the usual, by the SDK's name in the rows; each call must have been tried in honesty.
var agreed = map[string][]string{
	"alipay-sdk, certificates": {"alipay.trade.pay", "alipay.trade.query", "alipay.trade.refund", "alipay.trade.cancel", "another certificate"},
	"alipay-sdk, AES":          {"alipay.trade.pay", "alipay.trade.query", "wrong key"},
	"alipay-sdk, REST v3": {"trade/pay", "trade/query", "trade/cancel", "trade/refund", "trade/fastpay/refund/query", "trade/precreate",
		"trade/close", "a foreign key"},
	"alipay-sdk, partner":             {"alipay.trade.pay", "alipay.trade.query", "a foreign merchant"},
	"wechatpay-axios-plugin, partner": {"pay/micropay", "pay/orderquery", "a foreign merchant"},
	"alipay-sdk, bills":               {"trade", "signcustomer", "no bill"},
	"wechatpay-axios-plugin, bills":   {"pay/downloadbill", "pay/downloadfundflow", "no bill"},
}

// struck are those of them of which bytes must have been changed, too, on both sides.
var struck = []string{"alipay-sdk, certificates", "alipay-sdk, AES"}

// unagreed names what of that nobody tried.
func unagreed(rows []row) (out []string) {
	for sdk, names := range agreed {
		for _, call := range names {
			sides := []string{""}
			if slices.Contains(struck, sdk) && strings.HasPrefix(call, "alipay.") {
				sides = []string{"", "request", "answer"}
			}
			for _, side := range sides {
				if !slices.ContainsFunc(rows, func(r row) bool {
					return strings.HasPrefix(r.SDK, sdk+" ") && r.Call == call && r.Side == side && (side == "" || r.Changes > 0)
				}) {
					out = append(out, strings.TrimSpace(fmt.Sprintf("%s never tried %s %s", sdk, call, side)))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}
