package roster

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"cloudcashier/shared/fault"
)

// The cost of a try: a tenth of a second or two on a till, and no memory, of which it has little. It is no wall: whoever has
// a till's disk and its list finds four digits in minutes. What it buys is that nobody reads a PIN off the disk.
const (
	rounds  = 200_000 // of HMAC-SHA-256
	keyLen  = 32
	SaltLen = 16
	format  = "p1:" // names these costs, so that others can follow
)

// Hash is what stands for a PIN. The salt is fresh for each; the operator's ID is part of it, so that a hash in another's
// place fits nothing.
func Hash(operator, pin string, salt []byte) string {
	return format + text.EncodeToString(append(append([]byte{}, salt...), derive(operator, pin, salt)...))
}

func derive(operator, pin string, salt []byte) []byte {
	key, _ := pbkdf2.Key(sha256.New, operator+"\n"+pin, salt, rounds, keyLen) // an error leaves no key, which fits nothing
	return key
}

func parse(hash string) (salt, key []byte, err error) {
	rest, ok := strings.CutPrefix(hash, format)
	raw, err := text.DecodeString(rest)
	if !ok || err != nil || len(raw) != SaltLen+keyLen {
		return nil, nil, malformed()
	}
	return raw[:SaltLen], raw[SaltLen:], nil
}

// Right tells whether a PIN is the operator's. It costs the same for a wrong one; do not run many at a time.
func (o Operator) Right(pin string) bool {
	salt, key, err := parse(o.PIN)
	return err == nil && subtle.ConstantTimeCompare(derive(o.ID, pin, salt), key) == 1
}

// Mark tells one PIN of an operator from the next, and nothing about either.
func (o Operator) Mark() string {
	salt, _, err := parse(o.PIN)
	if err != nil {
		return ""
	}
	return text.EncodeToString(salt)
}

// CheckPIN refuses (Invalid) what is no PIN, and those that anybody would try first. Its errors never hold it.
func CheckPIN(pin string) error {
	if len(pin) < 4 || len(pin) > 8 || strings.Trim(pin, "0123456789") != "" {
		return fault.New(fault.Invalid, "operator.pin_form", "a PIN has 4 to 8 digits, and nothing else")
	}
	for period := 1; period <= len(pin)/2; period++ { // 1111, 1212, 123123
		if len(pin)%period == 0 && strings.Repeat(pin[:period], len(pin)/period) == pin {
			return easy()
		}
	}
	up, down := true, true // 1234, 8901, 4321
	for i := 1; i < len(pin); i++ {
		step := (int(pin[i]) - int(pin[i-1]) + 10) % 10
		up, down = up && step == 1, down && step == 9
	}
	if up || down {
		return easy()
	}
	return nil
}

func easy() error {
	return fault.New(fault.Invalid, "operator.pin_easy", "this PIN is among the first that anybody tries: no repetition, no row of digits")
}
