// Package registry says who merchants, stores and terminals are and how a terminal is enrolled: an
// activation code typed once by a person buys a certificate for a key that never leaves the till.
//
// It is arithmetic on values: it keeps nothing, reads no clock and takes its randomness as an argument.
// It refuses codes that are unknown, expired or used by another device, and keys that are not Ed25519.
// Newcomers get one thing wrong: a used code is not dead for the device that used it. The answer to an
// activation can be lost, so the same key asking again gets the same activation.
package registry

import (
	"crypto/ed25519"
	"time"
)

// Merchant is who sells and who is paid out.
type Merchant struct {
	ID      string
	Name    string
	Created time.Time
}

// Store is a place where a merchant sells.
type Store struct {
	ID       string
	Merchant string
	Name     string
	Created  time.Time
}

// Terminal is one till, known by the public key that signs its messages and the serial of its certificate.
type Terminal struct {
	ID       string
	Merchant string
	Store    string
	Name     string
	Key      ed25519.PublicKey
	Serial   string // of the certificate in force, lower hex
	Revoked  bool
	Created  time.Time
}
