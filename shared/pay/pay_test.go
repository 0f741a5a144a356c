package pay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cloudcashier/shared/pay"
)

func code(t *testing.T, s string) pay.Code {
	t.Helper()
	c, err := pay.ParseCode(s)
	if err != nil {
		t.Fatalf("ParseCode(%q): %v", s, err)
	}
	return c
}

func TestCodeNeverPrints(t *testing.T) {
	const secret = "130061098828009406"
	c := code(t, secret)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x\n", c, c, c, c, c, struct{ C pay.Code }{c})
	fmt.Fprintf(&out, "%v %+v\n", &c, []pay.Code{c})
	if err := json.NewEncoder(&out).Encode(map[string]any{"code": c, "map": map[string]pay.Code{"a": c}}); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "code", c, "ptr", &c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "code", c)
	if strings.Contains(out.String(), secret[4:14]) || strings.Contains(out.String(), fmt.Sprintf("%x", secret[4:14])) {
		t.Errorf("the code leaks:\n%s", out.String())
	}
	if c.Reveal() != secret {
		t.Error("Reveal lost the code")
	}
}

func TestWalletRecognition(t *testing.T) {
	for s, want := range map[string]pay.Wallet{
		"100000000000000000":                       pay.WeChat,
		"159999999999999999":                       pay.WeChat,
		"160000000000000000":                       "",
		"10000000000000000":                        "",
		"2500000000000000":                         pay.Alipay,
		"280000000000000000":                       pay.Alipay,
		"309999999999999999999999":                 pay.Alipay,
		"310000000000000000":                       "",
		"6212345678901234567":                      pay.UnionPay,
		"621234567890123456":                       "",
		"6901234567892":                            "", // a product's EAN-13
		"fp00112233445566778899aabbccddeeffa":      pay.Alipay,
		"hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MQ==": pay.UnionPay,
		"https://qr.alipay.com/fkx1234567890":      "",
		"SV1.eyJ2IjoxfQ.c2ln.c2VjcmV0":             pay.StoredValue,
		"SV1C.eyJ2IjoxfQ.c2ln.bWFj":                pay.StoredValue,
		"SV2.eyJ2IjoxfQ.c2ln.c2VjcmV0":             "",
	} {
		if got, ok := code(t, s).Wallet(); got != want || ok != (want != "") {
			t.Errorf("%s belongs to %q (%v), want %q", s, got, ok, want)
		}
	}
}

func TestParseCodeRefuses(t *testing.T) {
	for _, s := range []string{"", "   ", "123", "1300610988 28009406", "13006109882800940\x00", "１３００６１０９８８２８００９４０６", strings.Repeat("1", 600)} {
		if c, err := pay.ParseCode(s); err == nil {
			t.Errorf("ParseCode(%q) = %v", s, c)
		}
	}
	if c := code(t, " 130061098828009406\r\n"); c.Reveal() != "130061098828009406" {
		t.Error("white space at the ends stays")
	}
}

func TestOutcomeOfEveryStatus(t *testing.T) {
	want := map[pay.Status]pay.Outcome{
		pay.StatusCreated: pay.Unknown, pay.StatusPending: pay.Unknown, pay.StatusUnknown: pay.Unknown,
		pay.StatusSucceeded: pay.Paid, pay.StatusDeclined: pay.NotPaid,
		pay.StatusReversing: pay.Unknown, pay.StatusReversed: pay.NotPaid, pay.StatusClosed: pay.NotPaid,
	}
	if len(pay.Statuses) != len(want) {
		t.Fatalf("%d statuses, %d in the test", len(pay.Statuses), len(want))
	}
	for _, s := range pay.Statuses {
		if got := s.Outcome(); got != want[s] {
			t.Errorf("%s is %s, want %s", s, got, want[s])
		}
	}
}
