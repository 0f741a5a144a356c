package words_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/words"
)

var verb = regexp.MustCompile(`%[a-z]`)

// sentences reads every pair of texts in this package's sources, by its place.
func sentences(t *testing.T) map[string]map[words.Lang]string {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all, set := map[string]map[words.Lang]string{}, token.NewFileSet()
	for _, name := range files {
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			list, ok := n.(*ast.CompositeLit)
			if !ok || strings.HasSuffix(name, "_test.go") || len(list.Elts) != 2 {
				return true
			}
			en, zh := text(list.Elts[0]), text(list.Elts[1])
			if en != "" || zh != "" {
				all[set.Position(list.Pos()).String()] = map[words.Lang]string{words.EN: en, words.ZH: zh}
			}
			return true
		})
	}
	if len(all) < 200 {
		t.Fatalf("only %d sentences were found", len(all))
	}
	return all
}

func text(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	return ""
}

func TestBothLanguagesSayEverything(t *testing.T) {
	for at, s := range sentences(t) {
		zh, en := s[words.ZH], s[words.EN]
		if zh == "" || en == "" {
			t.Errorf("%s: zh %q, en %q", at, zh, en)
		}
		if z, e := strings.Join(verb.FindAllString(zh, -1), ""), strings.Join(verb.FindAllString(en, -1), ""); z != e {
			t.Errorf("%s: blanks %q in %q, %q in %q", at, z, zh, e, en)
		}
	}
}

func TestEveryReasonIsTranslated(t *testing.T) {
	for _, word := range []string{"balance_low", "code_expired", "code_used", "customer_refused", "limit_exceeded", "risk_refused",
		"misconfigured", "refused", "link_down", "lapsed", "cancelled", "fenced", "not_arrived", "never_charged", "declined", "reversed",
		"deferred_refused", "order_paid", "qr_not_shown", "qr_not_arrived", "qr_unpaid"} {
		for _, l := range []words.Lang{words.ZH, words.EN} {
			s := localapi.Sale{State: localapi.StateDeclined, Reason: word, Message: "the agent's message"}
			if why := l.Why(s); why == "" || why == s.Message || l.Next(s) == "" {
				t.Errorf("%s %s: %q, %q", l, word, why, l.Next(s))
			}
		}
	}
	s := localapi.Sale{State: localapi.StateDeclined, Reason: "new", Message: "the agent's message"}
	if words.ZH.Why(s) != s.Message {
		t.Errorf("a new reason shows %q", words.ZH.Why(s))
	}
	for _, word := range []string{"refund_queued", "refund_pending", "refunded", "refund_failed", "refunded_cash", "refunded_other"} {
		for _, l := range []words.Lang{words.ZH, words.EN} {
			if x := (localapi.Refund{State: localapi.RefundFailed, Code: word, Message: "the agent's message"}); strings.Contains(l.Refund(x), x.Message) {
				t.Errorf("%s %s: %q", l, word, l.Refund(x))
			}
		}
	}
	x := localapi.Refund{State: localapi.RefundFailed, Code: "new", Message: "the agent's message"}
	if got := words.ZH.Refund(x); !strings.HasPrefix(got, words.ZH.Refund(localapi.Refund{Code: "refund_failed"})) || !strings.HasSuffix(got, x.Message) {
		t.Errorf("a new refusal shows %q", got)
	}
	n := localapi.Notice{Kind: "new", Message: "the agent's message"}
	if words.ZH.Notice(n) != n.Message {
		t.Errorf("a new notice shows %q", words.ZH.Notice(n))
	}
}

// TestWidthsDoNotDependOnLocale looks for signs that are one cell here and two there.
func TestWidthsDoNotDependOnLocale(t *testing.T) {
	narrow, eastAsian := runewidth.Condition{}, runewidth.Condition{EastAsianWidth: true}
	for at, both := range sentences(t) {
		for l, s := range both {
			if narrow.StringWidth(s) != eastAsian.StringWidth(s) {
				t.Errorf("%s %s: %q has a sign of unsure width", at, l, s)
			}
		}
	}
}

func TestPick(t *testing.T) {
	for _, c := range []struct{ asked, lcAll, lcMessages, lang, term, want string }{
		{"", "", "", "zh_CN.UTF-8", "xterm-256color", "zh"},
		{"", "", "", "en_US.UTF-8", "xterm-256color", "en"},
		{"", "", "", "", "xterm", "en"},
		{"", "zh_CN.UTF-8", "en_US", "en_US", "xterm", "zh"},
		{"", "C", "", "zh_CN.UTF-8", "xterm", "en"},
		{"", "", "zh_TW", "en_US", "xterm", "zh"},
		{"", "", "", "zh_CN.UTF-8", "linux", "en"},
		{"zh", "", "", "", "linux", "zh"},
		{"en", "zh_CN", "", "zh_CN", "xterm", "en"},
		{"fr", "", "", "", "xterm", ""},
	} {
		got, err := words.Pick(c.asked, c.lcAll, c.lcMessages, c.lang, c.term)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

func TestStatesAndWallets(t *testing.T) {
	for _, l := range []words.Lang{words.ZH, words.EN} {
		seen := map[string]bool{}
		for _, w := range []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay, pay.StoredValue, ""} {
			seen[l.Wallet(localapi.Sale{Wallet: w, Tender: localapi.TenderWallet})] = true
		}
		seen[l.Wallet(localapi.Sale{Tender: localapi.TenderCash})] = true
		if len(seen) != 6 {
			t.Errorf("%s: %v", l, seen)
		}
		if l.State(localapi.StatePaid) == l.State(localapi.StateReversed) || l.State(localapi.StateUnknown) != l.State(localapi.StateCancelling) ||
			l.State(localapi.StateUnknown) == l.State(localapi.StateReversed) || l.State(localapi.StateWaiting) == l.State(localapi.StateSending) {
			t.Errorf("%s: states are told alike that differ, or apart that do not", l)
		}
		if l.Other() == l || l.Other().Other() != l {
			t.Errorf("%s leads to %s", l, l.Other())
		}
	}
}
