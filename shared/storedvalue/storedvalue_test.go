package storedvalue_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
)

var (
	at     = time.Unix(1_700_000_000, 0).UTC()
	key    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	public = key.Public().(ed25519.PublicKey)
	other  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public().(ed25519.PublicKey)
	secret = []byte("0123456789abcdef")
	terms  = storedvalue.Terms{Account: "sva_01JGJ0000000000000000000AA", Serial: "svc_01JGJ0000000000000000000BB",
		Merchant: "mer_01JGJ0000000000000000000CC", Most: money.Fen(money.Max), NotBefore: at, NotAfter: at.Add(24 * time.Hour)}
	mine = storedvalue.Sale{Terminal: "trm_1", Key: "sale_1", OrderNo: "A-1", Amount: money.Fen(1280)}
)

func mint(t testing.TB, x storedvalue.Terms) pay.Code {
	t.Helper()
	c, err := storedvalue.Mint(x, secret, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t *testing.T, c pay.Code) storedvalue.Code {
	t.Helper()
	code, err := storedvalue.Parse(c, public)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestACodeAndItsClaim(t *testing.T) {
	c := mint(t, terms)
	code := parse(t, c)
	if code.Terms != terms || code.IsClaim() || !code.Holds(secret, storedvalue.Sale{}) {
		t.Errorf("%+v", code.Terms)
	}
	text, err := code.Claim(mine)
	if err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]pay.Code{"code": c, "claim": text} {
		if w, ok := x.Wallet(); w != pay.StoredValue || !ok || len(x.Reveal()) >= 512 || strings.Trim(x.Reveal(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			t.Errorf("the %s is of %q, %d characters", what, w, len(x.Reveal()))
		}
	}
	claim := parse(t, text)
	if claim.Terms != terms || !claim.IsClaim() || !claim.Holds(secret, mine) {
		t.Errorf("%+v", claim.Terms)
	}
	if _, err := claim.Claim(mine); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a claim of a claim: %v", err)
	}
	if strings.Contains(text.Reveal(), c.Reveal()[strings.LastIndex(c.Reveal(), ".")+1:]) {
		t.Error("the claim holds the secret")
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", code, code, code), fmt.Sprint(claim)} {
		if strings.Contains(shown, c.Reveal()[20:]) || strings.Contains(shown, fmt.Sprint(secret)) {
			t.Errorf("it prints: %s", shown)
		}
	}
}

func TestAClaimFitsOneSale(t *testing.T) {
	text, err := parse(t, mint(t, terms)).Claim(mine)
	if err != nil {
		t.Fatal(err)
	}
	claim := parse(t, text)
	for name, change := range map[string]func(*storedvalue.Sale){
		"terminal": func(s *storedvalue.Sale) { s.Terminal = "trm_2" }, "key": func(s *storedvalue.Sale) { s.Key = "sale_2" },
		"order": func(s *storedvalue.Sale) { s.OrderNo = "A-2" }, "amount": func(s *storedvalue.Sale) { s.Amount = money.Fen(1281) },
		"a moved border": func(s *storedvalue.Sale) { s.Key, s.OrderNo = `sale_1" "A`, "1" },
	} {
		s := mine
		if change(&s); claim.Holds(secret, s) {
			t.Errorf("another %s", name)
		}
	}
	if claim.Holds([]byte("0123456789abcdeF"), mine) {
		t.Error("another secret")
	}
}

func TestParseRefuses(t *testing.T) {
	good := mint(t, terms).Reveal()
	parts := strings.Split(good, ".")
	flip := func(s string, i int) string {
		b := []byte(s)
		if b[i]++; b[i] == 'z'+1 || b[i] == 'Z'+1 || b[i] == '9'+1 {
			b[i] = 'a'
		}
		return string(b)
	}
	for name, c := range map[string]struct {
		text string
		key  ed25519.PublicKey
		want fault.Kind
	}{
		"another hub":           {good, other, fault.Denied},
		"no key":                {good, nil, fault.Denied},
		"terms changed":         {strings.Join([]string{parts[0], flip(parts[1], 40), parts[2], parts[3]}, "."), public, fault.Denied},
		"signature changed":     {strings.Join([]string{parts[0], parts[1], flip(parts[2], 9), parts[3]}, "."), public, fault.Denied},
		"secret changed":        {strings.Join([]string{parts[0], parts[1], parts[2], flip(parts[3], 3)}, "."), public, fault.Denied},
		"secret cut":            {good[:len(good)-3], public, fault.Invalid},
		"part missing":          {strings.Join(parts[:3], "."), public, fault.Invalid},
		"part more":             {good + ".AA", public, fault.Invalid},
		"another version":       {"SV2" + good[3:], public, fault.Invalid},
		"a code called a claim": {"SV1C" + good[3:], public, fault.Invalid},
		"another spelling":      {good[:len(good)-1] + string(good[len(good)-1]+1), public, fault.Invalid},
		"padding":               {good + "=", public, fault.Invalid},
	} {
		p, err := pay.ParseCode(c.text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := storedvalue.Parse(p, c.key); fault.KindOf(err) != c.want || err == nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, change := range map[string]func(*storedvalue.Terms){
		"no account": func(x *storedvalue.Terms) { x.Account = "" }, "a long serial": func(x *storedvalue.Terms) { x.Serial = strings.Repeat("x", 49) },
		"no amount": func(x *storedvalue.Terms) { x.Most = money.Fen(0) }, "no life": func(x *storedvalue.Terms) { x.NotAfter = x.NotBefore },
	} {
		x := terms
		change(&x)
		if _, err := storedvalue.Mint(x, secret, key); err == nil {
			t.Errorf("%s was signed", name)
		}
	}
}

func TestTermsAllow(t *testing.T) {
	x := terms
	x.Most = money.Fen(1280)
	for _, c := range []struct {
		merchant string
		amount   int64
		at       time.Time
		want     string
	}{
		{terms.Merchant, 1280, at, ""}, {terms.Merchant, 1280, at.Add(-time.Minute), ""}, {terms.Merchant, 1280, at.Add(24*time.Hour + time.Minute), ""},
		{"mer_2", 1280, at, "storedvalue.merchant"}, {terms.Merchant, 1281, at, "storedvalue.too_much"},
		{terms.Merchant, 1, at.Add(-time.Minute - time.Second), "storedvalue.not_yet"}, {terms.Merchant, 1, at.Add(24*time.Hour + time.Minute + time.Second), "storedvalue.expired"},
	} {
		err := x.Allow(c.merchant, money.Fen(c.amount), c.at, time.Minute)
		if c.want == "" && err != nil || c.want != "" && fault.CodeOf(err) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

var policy = storedvalue.Policy{Terminal: "trm_1", PerSale: money.Fen(20_000), Count: 20, Sum: money.Fen(200_000), Age: 24 * time.Hour,
	Issued: at, Expires: at.Add(72 * time.Hour)}

func TestPolicy(t *testing.T) {
	s, err := storedvalue.SignPolicy(policy, key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := storedvalue.OpenPolicy(s, "trm_1", public)
	if err != nil || got != policy {
		t.Errorf("%+v, %v", got, err)
	}
	if !got.Valid(at.Add(72*time.Hour-time.Second)) || got.Valid(at.Add(72*time.Hour)) {
		t.Error("it does not end when it says")
	}
	code := mint(t, terms).Reveal()
	signed := strings.Split(code, ".")
	for name, c := range map[string]struct {
		text, terminal string
		key            ed25519.PublicKey
	}{
		"another till": {s, "trm_2", public}, "another hub": {s, "trm_1", other}, "cut": {s[:len(s)-2], "trm_1", public}, "empty": {"", "trm_1", public},
		"a code": {strings.Join([]string{"SVP1", signed[1], signed[2]}, "."), "trm_1", public}, "changed": {strings.Replace(s, "SVP1.e", "SVP1.f", 1), "trm_1", public},
	} {
		if _, err := storedvalue.OpenPolicy(c.text, c.terminal, c.key); err == nil {
			t.Errorf("%s was believed", name)
		}
	}
	for name, change := range map[string]func(*storedvalue.Policy){
		"no count": func(p *storedvalue.Policy) { p.Count = 0 }, "no sum": func(p *storedvalue.Policy) { p.Sum = money.Fen(0) },
		"no age": func(p *storedvalue.Policy) { p.Age = 0 }, "no end": func(p *storedvalue.Policy) { p.Expires = p.Issued },
	} {
		p := policy
		if change(&p); p != policy {
			if _, err := storedvalue.SignPolicy(p, key); err == nil {
				t.Errorf("%s was signed", name)
			}
		}
	}
}

// FuzzParse: no text makes it panic, and what it takes has one spelling.
func FuzzParse(f *testing.F) {
	code := mint(f, terms)
	f.Add(code.Reveal())
	parsed, _ := storedvalue.Parse(code, public)
	claim, _ := parsed.Claim(mine)
	f.Add(claim.Reveal())
	f.Add("SV1...")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := pay.ParseCode(s)
		if err != nil {
			return
		}
		got, err := storedvalue.Parse(c, public)
		if err == nil && !got.IsClaim() && c != code {
			t.Errorf("a code that nobody minted: %q", s)
		}
	})
}

// FuzzOpenPolicy: no text makes it panic, and only the hub's own is taken.
func FuzzOpenPolicy(f *testing.F) {
	s, _ := storedvalue.SignPolicy(policy, key)
	f.Add(s)
	f.Add("SVP1.e30.AA")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := storedvalue.OpenPolicy(s, "trm_1", public); err == nil && p != policy {
			t.Errorf("a policy that nobody signed: %q", s)
		}
	})
}
