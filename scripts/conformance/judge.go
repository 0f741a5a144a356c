package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"cloudcashier/scripts/internal/rig"
)

// calls are what the sandbox speaks and each SDK must have tried: in honesty, with answers and with requests changed.
var calls = map[string][]string{
	"wechatpay-axios-plugin": {"pay/micropay", "pay/orderquery", "secapi/pay/reverse", "secapi/pay/refund", "pay/refundquery",
		"pay/unifiedorder", "pay/closeorder", "v3/codepay", "v3/query", "v3/reverse", "v3/refund", "v3/native"},
	"alipay-sdk": {"alipay.trade.pay", "alipay.trade.query", "alipay.trade.cancel", "alipay.trade.refund",
		"alipay.trade.fastpay.refund.query", "alipay.trade.precreate", "alipay.trade.close"},
}

// notices are what the wallets tell of their own accord; each SDK must have read them.
var notices = []string{"notice of a payment", "notice of a refund"}

// table prints the rows, one block for each SDK in the order they come.
func table(out io.Writer, s said) {
	sdk, call := "", ""
	for _, r := range s.rows {
		if r.SDK != sdk {
			sdk, call = r.SDK, ""
			fmt.Fprintf(out, "\n%s\n", sdk)
		}
		first := r.Call
		if first == call {
			first = ""
		}
		call = r.Call
		mark := "ok"
		if r.Got != r.Want {
			mark = "NO"
		}
		fmt.Fprintf(out, "  %-33s %-47s %s  %s\n", first, r.Scenario, mark, r.Got)
	}
}

// wrong names the rows that are not as they should be.
func wrong(rows []row) (out []string) {
	for _, r := range rows {
		if r.Got != r.Want {
			out = append(out, fmt.Sprintf("%s, %s, %s: %q, not %q", r.SDK, r.Call, r.Scenario, r.Got, r.Want))
		}
	}
	return out
}

// uncovered names what nobody tried: a script that ends early must not look like one that found nothing.
func uncovered(rows []row) (out []string) {
	for sdk, names := range calls {
		for _, name := range notices {
			if !slices.ContainsFunc(rows, func(r row) bool { return strings.HasPrefix(r.SDK, sdk+" ") && r.Call == name }) {
				out = append(out, fmt.Sprintf("%s never read a %s", sdk, name))
			}
		}
		for _, call := range names {
			for _, side := range []string{"", "request", "answer"} {
				tried := false
				for _, r := range rows {
					tried = tried || strings.HasPrefix(r.SDK, sdk+" ") && r.Call == call && r.Side == side && (side == "" || r.Changes > 0)
				}
				if !tried {
					out = append(out, fmt.Sprintf("%s never tried %s with %s", sdk, call, map[string]string{"": "nothing changed"}[side]+side))
				}
			}
		}
	}
	return out
}

// compare holds what the SDKs were told against what the sandbox booked, line by line.
func compare(told []movement, booked []rig.Entry) (out []string) {
	open := map[movement]int{}
	for _, m := range told {
		open[m]++
	}
	for _, e := range booked {
		open[movement{string(e.Wallet), e.Kind, e.OutTradeNo, e.OutRefundNo, e.Amount}]--
	}
	for m, n := range open {
		what := fmt.Sprintf("%s %s of %d fen for %s %s", m.Wallet, m.Kind, m.Amount, m.OutTradeNo, m.OutRefundNo)
		switch {
		case n > 0:
			out = append(out, fmt.Sprintf("the SDK was told of a %s; the ledger lacks %d of it", what, n))
		case n < 0:
			out = append(out, fmt.Sprintf("the ledger has a %s; the SDK was not told of %d of it", what, -n))
		}
	}
	slices.Sort(out)
	return out
}

func total(booked []rig.Entry) (fen int64) {
	for _, e := range booked {
		fen += e.Amount
	}
	return fen
}
