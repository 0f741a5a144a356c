package registry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cloudcashier/shared/fault"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newKey(t *testing.T) ed25519.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func TestMintCode(t *testing.T) {
	seen := map[string]bool{}
	letters := map[rune]int{}
	for range 2000 {
		code, err := MintCode(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if seen[code] {
			t.Fatalf("minted %s twice", code)
		}
		seen[code] = true
		if again, err := NormalizeCode(code); err != nil || again != code {
			t.Fatalf("a minted code %s normalises to %q, %v", code, again, err)
		}
		groups := strings.Split(code, "-")
		if len(groups) != 4 || len(code) != 19 {
			t.Fatalf("%s is not four groups of four", code)
		}
		for _, r := range strings.ReplaceAll(code, "-", "") {
			letters[r]++
		}
	}
	if len(letters) != 32 {
		t.Errorf("%d different letters in use, want 32 (5 bits each, 80 in all)", len(letters))
	}
	for _, r := range "ILOU" {
		if letters[r] != 0 {
			t.Errorf("the code uses %q, which people mistake", r)
		}
	}
	fixed, err := MintCode(bytes.NewReader([]byte{0, 1, 9, 10, 17, 18, 19, 20, 21, 22, 27, 31, 32, 255, 64, 33}))
	if err != nil || fixed != "019A-HJKM-NPVZ-0Z01" {
		t.Errorf("from known bytes: %q, %v", fixed, err)
	}
	if _, err := MintCode(iotest.ErrReader(iotest.ErrTimeout)); err == nil {
		t.Error("minted a code without randomness")
	}
	if _, err := MintCode(bytes.NewReader(make([]byte, 15))); err == nil {
		t.Error("minted a code from too little randomness")
	}
}

func TestNormalizeCode(t *testing.T) {
	const want = "K7QM-2X9V-01TA-W3RD"
	for _, c := range []struct{ name, typed, want string }{
		{"as shown", want, want},
		{"lower case", "k7qm-2x9v-01ta-w3rd", want},
		{"no dashes", "K7QM2X9V01TAW3RD", want},
		{"blanks", "  K7QM 2X9V 01TA W3RD\n", want},
		{"O for 0, I for 1", "K7QM-2X9V-OITA-W3RD", want},
		{"o for 0, l for 1", "k7qm-2x9v-olta-w3rd", want},
		{"one short", "K7QM-2X9V-01TA-W3R", ""},
		{"one long", "K7QM-2X9V-01TA-W3RDD", ""},
		{"U", "K7QM-2X9V-01TA-W3RU", ""},
		{"other letter", "K7QM-2X9V-01TA-W3R!", ""},
		{"two bytes for two", "K7QM-2X9V-01TA-W3é", ""},
		{"empty", "", ""},
		{"only dashes", "----", ""},
		{"huge", strings.Repeat("K", 10_000), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NormalizeCode(c.typed)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (err == nil) != (c.want != "") {
				t.Errorf("err = %v", err)
			}
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("kind %v, want invalid", fault.KindOf(err))
			}
		})
	}
}

func TestHashCode(t *testing.T) {
	const code = "K7QM-2X9V-01TA-W3RD"
	hash := HashCode([]byte("hub key"), code)
	if len(hash) != 64 || strings.Contains(hash, "K7QM") {
		t.Errorf("hash %q", hash)
	}
	if HashCode([]byte("hub key"), code) != hash {
		t.Error("the same code has two hashes")
	}
	if HashCode([]byte("other key"), code) == hash {
		t.Error("the hub's key does not matter")
	}
	if HashCode([]byte("hub key"), "K7QM-2X9V-01TA-W3RE") == hash {
		t.Error("the code does not matter")
	}
}

func TestRedeem(t *testing.T) {
	mine, other := newKey(t), newKey(t)
	fresh := ActivationCode{Hash: "aa", Merchant: "mer_1", Store: "sto_1", Created: noon, Expires: noon.Add(day)}
	used := fresh
	used.UsedBy, used.UsedKey = "trm_1", mine
	for _, c := range []struct {
		name  string
		code  ActivationCode
		key   ed25519.PublicKey
		at    time.Time
		again bool
		err   string
	}{
		{"fresh", fresh, mine, noon, false, ""},
		{"fresh, last moment", fresh, mine, noon.Add(day - 1), false, ""},
		{"fresh, expired", fresh, mine, noon.Add(day), false, "activation.expired"},
		{"unknown", ActivationCode{}, mine, noon, false, "activation.unknown"},
		{"used by me", used, mine, noon, true, ""},
		{"used by me, long expired", used, mine, noon.Add(30 * day), true, ""},
		{"used by another", used, other, noon, false, "activation.used"},
		{"used by another, expired", used, other, noon.Add(30 * day), false, "activation.used"},
		{"no key", fresh, nil, noon, false, "activation.key"},
		{"short key", fresh, mine[:31], noon, false, "activation.key"},
		{"used, short key", used, mine[:31], noon, false, "activation.key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			again, err := Redeem(c.code, c.key, c.at)
			if again != c.again {
				t.Errorf("again = %v, want %v", again, c.again)
			}
			if c.err == "" && err != nil || c.err != "" && fault.CodeOf(err) != c.err {
				t.Errorf("err = %v (%s), want %q", err, fault.CodeOf(err), c.err)
			}
		})
	}
}

func FuzzNormalizeCode(f *testing.F) {
	for _, s := range []string{"", "K7QM-2X9V-01TA-W3RD", "oOiIlL0011223344", "é", "\x00\xff", "ｋ７ＱＭ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := NormalizeCode(typed)
		if err != nil {
			return
		}
		if again, err := NormalizeCode(code); err != nil || again != code || len(code) != 19 {
			t.Errorf("%q -> %q -> %q, %v", typed, code, again, err)
		}
	})
}
