package screen

import "slices"

// amountSign gives the sign an amount key stands for; a Chinese input method may send wide ones.
func amountSign(k Key) (byte, bool) {
	r := []rune(k)
	switch {
	case len(r) != 1:
		return 0, false
	case r[0] >= '0' && r[0] <= '9':
		return byte(r[0]), true
	case r[0] >= '０' && r[0] <= '９':
		return byte('0' + r[0] - '０'), true
	case r[0] == '.' || r[0] == '。' || r[0] == '．':
		return '.', true
	}
	return 0, false
}

// IsAmount reports that a key is a part of an amount.
func IsAmount(k Key) bool {
	_, ok := amountSign(k)
	return ok
}

// append adds a sign to the amount.
func (t *Till) append(sign byte) {
	t.run.note(t.text, t.d.Now)
	t.edit(appendAmount(t.text, sign))
}

// edit changes the amount, and forgets what was decided about the one before.
func (t *Till) edit(text string) {
	if text != t.text {
		t.text, t.order, t.wallet, t.insist, t.cash, t.sure = text, "", "", false, 0, 0
	}
}

// appendAmount keeps the text a prefix of an amount: nine digits of yuan (the largest amount has as
// many), one point, two of fen.
func appendAmount(text string, sign byte) string {
	point := slices.Index([]byte(text), '.')
	switch {
	case sign == '.' && point >= 0, point >= 0 && len(text)-point > 2, point < 0 && sign != '.' && len(text) >= 9:
		return text
	case sign == '.' && text == "":
		text = "0"
	case sign != '.' && text == "0":
		text = ""
	}
	return text + string(sign)
}
