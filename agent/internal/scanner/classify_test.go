package scanner_test

import (
	"strings"
	"testing"

	"cloudcashier/agent/internal/scanner"
	"cloudcashier/shared/pay"
)

// emv is the worked example of the EMVCo specification.
const emv = "hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MWETTwegAAAAZmZmUAhQcm9kdWN0MmJJWggSNFZ4kBI0WF8gDkNBUkRIT0xERVIv" +
	"RU1WXy0IcnVlc2RlZW5kIZ8QBwYBCgMAAACfJghYT9OF+iNLzJ82AgABnzcEbVjvEw=="

func TestClassify(t *testing.T) {
	const payment, product, link, unreadable = scanner.Payment, scanner.Product, scanner.Link, scanner.Unreadable
	for _, c := range []struct {
		name, aim, text string
		kind            scanner.Kind
		message         string // a word of the message
	}{
		{"WeChat", "", wechat, payment, "wechat"},
		{"WeChat, first prefix", "", "100000000000000000", payment, "wechat"},
		{"WeChat, last prefix", "", "159999999999999999", payment, "wechat"},
		{"WeChat in Code 128", "]C0", wechat, payment, "wechat"},
		{"WeChat in QR", "]Q1", wechat, payment, "wechat"},
		{"WeChat, SPACE as suffix", "", wechat + " ", payment, "wechat"},
		{"Alipay", "", alipay, payment, "alipay"},
		{"Alipay, shortest", "", "2512345678901234", payment, "alipay"},
		{"Alipay, longest", "", "301234567890123456789012", payment, "alipay"},
		{"Alipay face token", "", "fp00112233445566778899aabbccddeeffa", payment, "alipay"},
		{"UnionPay", "", "6212345678901234567", payment, "unionpay"},
		{"UnionPay EMV", "]Q1", emv, payment, "unionpay"},
		{"UnionPay EMV without padding", "", strings.TrimRight(emv, "="), payment, "unionpay"},

		{"stored value", "]Q1", "SV1.eyJ2IjoxfQ.c2ln.MDEyMzQ1Njc4OWFiY2RlZg", payment, "storedvalue"},
		{"stored value, cut short", "", "SV1.eyJ2IjoxfQ.c2ln.MDEyMzQ1Njc4OWFiY2RlZ", unreadable, "cut short"},
		{"stored value, cut shorter", "]Q1", "SV1.eyJ2IjoxfQ.c2ln", unreadable, "cut short"},
		{"a till's claim", "", "SV1C.eyJ2IjoxfQ.c2ln.n59REfeyengfHx3d5evC3StTa_xzZcnCi1SOVkF2kp8", unreadable, "cut short"},

		{"payment digits on a Code 39 card", "]A0", wechat, unreadable, "card"},
		{"payment digits in EAN", "]E0", wechat, unreadable, "card"},
		{"payment digits in GS1-128", "]C1", wechat, unreadable, "card"},
		{"payment digits in GS1 QR", "]Q3", wechat, unreadable, "card"},

		{"a receipt's barcode", "", "0000001242", scanner.Receipt, "receipt"},
		{"a receipt's barcode in Code 128", "]C0", "0000001242", scanner.Receipt, "receipt"},
		{"a receipt's QR", "]Q1", "sale_01KB0000000000000000000000", scanner.Receipt, "receipt"},
		{"a receipt's QR, cut short", "", "sale_01KB000000000000000000000", unreadable, "no payment code"},
		{"a receipt's QR, read badly", "", "sale_01KB00000000000000000000-0", unreadable, "no payment code"},
		{"ten digits in EAN", "]E0", "0000001242", unreadable, "no wallet"},
		{"ten digits of a card", "", "9000001242", unreadable, "no wallet"},

		{"EAN-13", "", goods, product, "product"},
		{"EAN-13 with AIM", "]E0", goods, product, "product"},
		{"EAN-8", "", "96385074", product, "product"},
		{"UPC-A", "", "036000291452", product, "product"},
		{"in-store 02", "", "0212345005002", product, "in-store"},
		{"in-store 20", "", "2012345005006", product, "in-store"},
		{"in-store 29", "", "2912345005009", product, "in-store"},
		{"EAN-13, wrong check digit", "", "6901234567893", unreadable, "check digit"},
		{"EAN-8, wrong check digit", "", "96385075", unreadable, "check digit"},
		{"UPC-A, wrong check digit", "", "036000291453", unreadable, "check digit"},

		{"pay-me code of WeChat", "", "wxp://f2f0abcDEF123", link, "pay-me"},
		{"pay-me code of Alipay", "]Q1", "HTTPS://QR.ALIPAY.COM/FKX00112233", link, "pay-me"},
		{"bare Alipay host", "", "qr.alipay.com/fkx00112233", link, "pay-me"},
		{"app link", "", "alipays://platformapi/startapp?appId=1", link, "pay-me"},
		{"web page", "", "http://example.com", link, "pay-me"},
		{"www", "", "www.example.com", link, "pay-me"},
		{"no scheme", "", "://example.com/long", unreadable, "no payment code"},
		{"broken scheme", "", "a b://example.com", unreadable, "no payment code"},

		{"nothing", "]Q1", "", unreadable, "0 characters"},
		{"one digit", "", "7", unreadable, "1 digits"},
		{"too short", "", "1300610", unreadable, "7 digits"},
		{"short text", "", "abc", unreadable, "3 characters"},
		{"WeChat cut short", "", wechat[:17], unreadable, "cut short"},
		{"Alipay cut short", "", alipay[:15], unreadable, "cut short"},
		{"UnionPay cut short", "", "621234567890123456", unreadable, "cut short"},
		{"EMV cut short", "", emv[:100], unreadable, "cut short"},
		{"EMV cut behind its first object", "", emv[:12], unreadable, "cut short"},
		{"EMV with a broken character", "", emv[:60] + "!" + emv[61:], unreadable, "cut short"},
		{"EMV without an application's name", "", "hQVDUFYwMWEKUAhQcm9kdWN0MQ==", unreadable, "cut short"},
		{"EMV of another version's length", "", "hQZDUFYwMTFhCU8HoAAAAFVVVQ==", unreadable, "no payment code"},
		{"EMV whose application is cut inside", "", "hQVDUFYwMWEITwigAAAAVVVV", unreadable, "cut short"},
		{"EMV and more behind it", "", strings.TrimRight(emv, "=") + "AAAA", unreadable, "cut short"},
		{"two codes glued", "", wechat + alipay, unreadable, "two codes"},
		{"unknown digits", "", "990061098828009406", unreadable, "no wallet"},
		{"WeChat, one digit more", "", wechat + "1", unreadable, "no wallet"},
		{"inner blank", "", "1300610988 28009406", unreadable, "no payment code"},
		{"text", "]Q1", "MEMBER-0042-XYZ", unreadable, "no payment code"},
		{"GS1 text", "]C1", "010690123456789217\x1d10A", unreadable, "no payment code"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := scanner.Classify(c.aim, c.text)
			if got.Kind != c.kind || !strings.Contains(got.Message, c.message) {
				t.Errorf("%s (%s), want %s with %q", got.Kind, got.Message, c.kind, c.message)
			}
			if (got.Kind == payment) != !got.Code.IsZero() || (got.Kind == product || got.Kind == scanner.Receipt) != (got.Text != "") {
				t.Errorf("code %v and text %q do not fit a %s", got.Code, got.Text, got.Kind)
			}
			if got.Kind == payment && got.Code.Reveal() != strings.TrimSpace(c.text) {
				t.Error("the code was changed")
			}
			if got.Kind == product && got.Text != c.text {
				t.Error("the digits were changed")
			}
			if strings.Contains(c.text, wechat[:17]) && strings.Contains(got.Message, wechat[4:14]) {
				t.Errorf("the message shows the code: %s", got.Message)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{wechat, alipay, goods, emv, emv[:50], "wxp://f2f", "hQVDUFYwMWGB", "hQVDUFYwMWGCAAE=", "", "٣٣٣٣٣٣٣٣"} {
		f.Add("]Q1", s)
	}
	f.Fuzz(func(t *testing.T, aim, text string) {
		got := scanner.Classify(aim, text)
		switch got.Kind {
		case scanner.Payment:
			if _, ok := got.Code.Wallet(); !ok || got.Text != "" {
				t.Errorf("%q is a payment code of nobody", text)
			}
			if c, err := pay.ParseCode(text); err != nil || c != got.Code {
				t.Errorf("%q was changed to make a payment code", text)
			}
		case scanner.Product:
			if n := len(got.Text); n != 8 && n != 12 && n != 13 || !got.Code.IsZero() {
				t.Errorf("%q is a product of %d digits", text, n)
			}
		case scanner.Link, scanner.Unreadable:
			if !got.Code.IsZero() || got.Text != "" {
				t.Errorf("%q is a %s and tells more", text, got.Kind)
			}
		default:
			t.Errorf("%q is a %q", text, got.Kind)
		}
		if got.Message == "" {
			t.Error("nothing to tell the cashier")
		}
	})
}
