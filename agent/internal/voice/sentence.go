package voice

import (
	"cloudcashier/agent/internal/spell"
	"cloudcashier/shared/announce"
	"cloudcashier/shared/pay"
)

// opening is how a sentence begins: its text and the recorded clip of it.
type opening struct{ text, clip string }

var openings = map[pay.Wallet]opening{
	pay.WeChat:      {"微信收款到账", "wechat"},
	pay.Alipay:      {"支付宝到账", "alipay"},
	pay.UnionPay:    {"云闪付到账", "unionpay"},
	pay.StoredValue: {"储值收款到账", "stored"},
	announce.Test:   {"测试，这不是收款", "test"},
}

// clipOf names the recorded clip of each word.
var clipOf = map[spell.Word]string{
	spell.Both: "two", spell.Ten: "ten", spell.Hundred: "hundred", spell.Thousand: "thousand",
	spell.Wan: "wan", spell.Yi: "yi", spell.Point: "point", spell.Yuan: "yuan",
	spell.Digit(0): "0", spell.Digit(1): "1", spell.Digit(2): "2", spell.Digit(3): "3", spell.Digit(4): "4",
	spell.Digit(5): "5", spell.Digit(6): "6", spell.Digit(7): "7", spell.Digit(8): "8", spell.Digit(9): "9",
}

// Clips lists the files that a folder of recorded words holds, each NAME.wav, all in one PCM format: the
// digits "0" to "9", "two" (两), "ten" (十), "hundred" (百), "thousand" (千), "wan" (万), "yi" (亿), "point"
// (点), "yuan" (元), and the openings "wechat" (微信收款到账), "alipay" (支付宝到账), "unionpay" (云闪付到账),
// "stored" (储值收款到账) and "test" (测试，这不是收款). None come with the agent: a shop records or buys them.
func Clips() (names []string) {
	for _, w := range spell.Words() {
		names = append(names, clipOf[w])
	}
	for _, w := range []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay, pay.StoredValue, announce.Test} {
		names = append(names, openings[w].clip)
	}
	return names
}

// sentence gives what is said, as text and as names of clips. An unknown wallet's money is announced by
// no name rather than by a wrong one: not at all (Invalid, from the speller, or here).
func (n news) sentence() (text string, clips []string, err error) {
	o, ok := openings[n.wallet]
	if !ok {
		return "", nil, errUnknownWallet
	}
	text, clips = o.text, []string{o.clip}
	if n.test() {
		return text, clips, nil
	}
	words, err := spell.Amount(n.amount)
	if err != nil {
		return "", nil, err
	}
	for _, w := range words {
		clips = append(clips, clipOf[w])
	}
	return text + spell.Text(words), clips, nil
}
