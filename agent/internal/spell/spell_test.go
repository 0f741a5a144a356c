package spell_test

import (
	"strings"
	"testing"

	"cloudcashier/agent/internal/spell"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

func say(t *testing.T, fen int64) string {
	t.Helper()
	words, err := spell.Amount(money.Fen(fen))
	if err != nil {
		t.Fatalf("%d fen: %v", fen, err)
	}
	return spell.Text(words)
}

func TestAmounts(t *testing.T) {
	for _, c := range strings.Split(strings.TrimSpace(`
	1            零点零一元
	5            零点零五元
	10           零点一元
	12           零点一二元
	99           零点九九元
	100          一元
	200          两元
	205          二点零五元
	250          二点五元
	1000         十元
	1001         十点零一元
	1200         十二元
	1205         十二点零五元
	1250         十二点五元
	1280         十二点八元
	2000         二十元
	2200         二十二元
	10000        一百元
	10100        一百零一元
	11000        一百一十元
	11200        一百一十二元
	20000        两百元
	22222        两百二十二点二二元
	100000       一千元
	100100       一千零一元
	101000       一千零一十元
	101200       一千零一十二元
	110000       一千一百元
	110100       一千一百零一元
	200200       两千零二元
	1000000      一万元
	1000100      一万零一元
	1001000      一万零一十元
	1010000      一万零一百元
	1100000      一万一千元
	1000005      一万点零五元
	2000000      两万元
	2200000      两万两千元
	2000200      两万零二元
	10000000     十万元
	10000100     十万零一元
	10100000     十万一千元
	10010000     十万零一百元
	12000000     十二万元
	11000000     十一万元
	20000000     二十万元
	100000000    一百万元
	101000000    一百零一万元
	110000000    一百一十万元
	100001000    一百万零一十元
	101010000    一百零一万零一百元
	1000000000   一千万元
	1001000000   一千零一万元
	1000100000   一千万一千元
	1000010000   一千万零一百元
	9999999999   九千九百九十九万九千九百九十九点九九元
	10000000000  一亿元
	`), "\n") {
		fields := strings.Fields(c)
		var fen int64
		for _, r := range fields[0] {
			fen = fen*10 + int64(r-'0')
		}
		if got := say(t, fen); got != fields[1] {
			t.Errorf("%d fen: %s, want %s", fen, got, fields[1])
		}
	}
	for _, bad := range []money.Amount{{}, money.Fen(0), money.Fen(-5), money.Fen(money.Max + 1)} {
		if _, err := spell.Amount(bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// listen understands a spoken amount by itself, as a customer does: it shares nothing with the speller.
func listen(text string) (fen int64, ok bool) {
	text, ok = strings.CutSuffix(text, "元")
	if !ok {
		return 0, false
	}
	whole, decimals, pointed := strings.Cut(text, "点")
	digit := func(r rune) int64 {
		if r == '两' {
			return 2
		}
		i := strings.IndexRune("零一二三四五六七八九", r)
		if i < 0 {
			return -1
		}
		return int64(i / len("零"))
	}
	var total, section, number int64
	for _, r := range whole {
		if d := digit(r); d >= 0 {
			number = d
			continue
		}
		switch r {
		case '十', '百', '千':
			if number == 0 {
				number = 1 // 十二
			}
			section += number * map[rune]int64{'十': 10, '百': 100, '千': 1000}[r]
		case '万':
			total += (section + number) * 10_000
			section = 0
		case '亿':
			total += (section + number) * 100_000_000
			section = 0
		default:
			return 0, false
		}
		number = 0
	}
	fen = (total + section + number) * 100
	if !pointed {
		return fen, true
	}
	place := int64(10)
	for _, r := range decimals {
		d := digit(r)
		if d < 0 || place == 0 {
			return 0, false
		}
		fen += d * place
		place /= 10
	}
	return fen, decimals != ""
}

// check holds one spoken amount against the rules of the language and against the amount itself.
func check(t *testing.T, fen int64) {
	t.Helper()
	text := say(t, fen)
	if heard, ok := listen(text); !ok || heard != fen {
		t.Fatalf("%d fen is said %s, which is %d", fen, text, heard)
	}
	whole, decimals, _ := strings.Cut(strings.TrimSuffix(text, "元"), "点")
	for _, bad := range []string{"零零", "零十", "零百", "零千", "零万", "零亿", "两十", "万万", "两零", "十两", "百两元"} {
		if strings.Contains(whole, bad) {
			t.Fatalf("%d fen is said %s: no one says %s", fen, text, bad)
		}
	}
	switch {
	case strings.HasSuffix(whole, "零") && whole != "零", strings.HasPrefix(whole, "零") && whole != "零", strings.HasPrefix(whole, "一十"):
		t.Fatalf("%d fen is said %s", fen, text)
	case strings.HasSuffix(decimals, "零"), strings.HasSuffix(whole, "两") && text != "两元":
		t.Fatalf("%d fen is said %s", fen, text)
	}
}

// TestEveryAmount says each amount up to 2,000.00, each whole one up to 120,000, and around every power
// of ten, and understands it again: no two amounts sound alike.
func TestEveryAmount(t *testing.T) {
	for fen := int64(1); fen <= 2000_00; fen++ {
		check(t, fen)
	}
	for yuan := int64(1); yuan <= 120_000; yuan++ {
		check(t, yuan*100)
	}
	for power := int64(1); power <= money.Max; power *= 10 {
		for times := int64(1); times < 10; times++ {
			for off := int64(-111); off <= 111; off++ {
				if fen := power*times + off; fen >= 1 && fen <= money.Max {
					check(t, fen)
				}
			}
		}
	}
	for fen := int64(1); fen <= money.Max; fen += 999_983 { // a prime: every digit comes everywhere
		check(t, fen)
	}
}

func TestWords(t *testing.T) {
	known := map[spell.Word]bool{}
	for _, w := range spell.Words() {
		known[w] = true
	}
	if len(known) != 18 || !known[spell.Digit(0)] || !known[spell.Digit(9)] {
		t.Errorf("%v", spell.Words())
	}
	for fen := int64(1); fen <= money.Max; fen += 9_999_991 {
		words, err := spell.Amount(money.Fen(fen))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !known[w] {
				t.Errorf("%d needs %s", fen, w)
			}
		}
	}
}
