package registry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"cloudcashier/shared/fault"
)

// ActivationCode lets one device become a terminal of a store. The code itself is shown once and never kept.
type ActivationCode struct {
	Hash     string // HashCode of the code
	Merchant string
	Store    string
	Created  time.Time
	Expires  time.Time
	UsedBy   string // the terminal it became; empty while unused
	UsedKey  []byte // the public key of the device that used it
}

// crockford is base32 without the letters people mistake: no I, L, O, U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeLength gives 80 bits: more than can be guessed over a network within a code's life of days.
const codeLength = 16

// MintCode makes a fresh code, "K7QM-2X9V-0HTA-W3RD".
func MintCode(random io.Reader) (string, error) {
	raw := make([]byte, codeLength)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("mint an activation code: %w", err)
	}
	for i, b := range raw {
		raw[i] = crockford[b%32] // 256 is a multiple of 32: no letter is favoured
	}
	return group(string(raw)), nil
}

// mistaken maps what people type for a digit they read.
var mistaken = strings.NewReplacer("I", "1", "L", "1", "O", "0", "-", "", " ", "", "\t", "")

// NormalizeCode gives the code a person meant: case, blanks, dashes and 0/O, 1/I/L do not matter.
func NormalizeCode(typed string) (string, error) {
	if len(typed) > 4*codeLength {
		return "", fault.New(fault.Invalid, "activation.form", "an activation code has %d letters and digits: type it again", codeLength)
	}
	s := mistaken.Replace(strings.ToUpper(strings.TrimSpace(typed)))
	if len(s) != codeLength {
		return "", fault.New(fault.Invalid, "activation.form",
			"an activation code has %d letters and digits, this one %d: type it again", codeLength, len(s))
	}
	for _, r := range s {
		if !strings.ContainsRune(crockford, r) {
			return "", fault.New(fault.Invalid, "activation.form", "%q is in no activation code: type it again", r)
		}
	}
	return group(s), nil
}

func group(s string) string { return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:] }

// HashCode is what is stored in a code's place. Without the hub's key a copied database lets nobody test guesses.
func HashCode(hubKey []byte, normalized string) string {
	mac := hmac.New(sha256.New, hubKey)
	mac.Write([]byte("activation-code\n" + normalized))
	return hex.EncodeToString(mac.Sum(nil))
}

// Redeem decides whether the device with the key may use the code. The zero ActivationCode stands for one
// that was not found. With again the device already is UsedBy: give it that terminal's certificate once
// more, unless the terminal was revoked since.
func Redeem(code ActivationCode, key ed25519.PublicKey, at time.Time) (again bool, err error) {
	if len(key) != ed25519.PublicKeySize {
		return false, fault.New(fault.Invalid, "activation.key", "the device's key is no Ed25519 key")
	}
	if code.Hash == "" {
		return false, fault.New(fault.Denied, "activation.unknown",
			"this activation code is not known: check it, or ask for a new one")
	}
	if code.UsedBy != "" {
		if bytes.Equal(code.UsedKey, key) {
			return true, nil
		}
		return false, fault.New(fault.Conflict, "activation.used",
			"this activation code was used by another device: ask for a new one")
	}
	if !at.Before(code.Expires) {
		return false, fault.New(fault.Denied, "activation.expired",
			"this activation code expired on %s: ask for a new one", code.Expires.UTC().Format(time.DateOnly))
	}
	return false, nil
}
