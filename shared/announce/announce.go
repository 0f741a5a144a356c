// Package announce is what a till tells a speaker on the network: that a payment arrived, in one small
// signed message over HTTP.
//
// It refuses a message whose signature, form or age is wrong: whoever reaches a speaker could otherwise
// make it say that money came which never did. Newcomers get one thing wrong: a signature does not make
// a message fresh. The same words said again, or said a minute late, make the next customer look paid;
// [Ring] and the time to live are as much a part of this as the key.
package announce

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

const (
	// Path is where a speaker takes messages: POST, the body as [Seal] made it.
	Path = "/announce"
	// Header carries the signature.
	Header = "Cashier-Signature"
	// MaxBody bounds a message; ours have about 120 bytes.
	MaxBody = 1 << 10
	// Ahead is how far a message may come from the future, as the two clocks differ.
	Ahead = 5 * time.Second
	// maxTTL bounds what a message may ask for itself, in seconds.
	maxTTL = 60
)

// Message tells of one payment.
type Message struct {
	ID     string     `json:"id"`     // of the payment: said once
	Fen    int64      `json:"fen"`    // 0: this is a test and says so
	Wallet pay.Wallet `json:"wallet"` // "test" for a test
	At     int64      `json:"at"`     // when the till stored the result, unix milliseconds
	TTL    int64      `json:"ttl"`    // seconds from At: not said afterwards
}

// Test is the wallet of a message that tells of no money.
const Test pay.Wallet = "test"

// The answers of a speaker.
const (
	Played    = "played"    // it is said, or about to be
	Duplicate = "duplicate" // it was said before
	Dropped   = "dropped"   // too old, or from the future: compare the clocks
	Busy      = "busy"      // later, while it lives
)

// Answer is what a speaker answers.
type Answer struct {
	Result string `json:"result"`
}

// Seal makes a message's body and its signature.
func Seal(m Message, key []byte) (body []byte, signature string, err error) {
	if body, err = json.Marshal(m); err != nil {
		return nil, "", fault.Wrap(err, fault.Internal, "announce.encode", "the message cannot be encoded")
	}
	return body, base64.StdEncoding.EncodeToString(sign(body, key)), nil
}

// sign covers the purpose, too: the key signs nothing else.
func sign(body, key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("cashier speaker v1\n"))
	mac.Write(body)
	return mac.Sum(nil)
}

// Open checks who wrote a message and reads it: Denied for a signature that is not the key's, Invalid
// for what is no message.
func Open(body []byte, signature string, key []byte) (m Message, err error) {
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, sign(body, key)) {
		return m, fault.New(fault.Denied, "announce.signature", "the message is not signed with this speaker's key: give both sides the same file")
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return m, err
	}
	if m.ID == "" || len(m.ID) > 64 || m.Fen < 0 || (m.Fen == 0) != (m.Wallet == Test) || m.Wallet == "" || m.TTL < 1 || m.TTL > maxTTL {
		return m, fault.New(fault.Invalid, "announce.message", "the message says nothing that can be announced")
	}
	return m, nil
}

// Fresh reports whether a message may still be said.
func (m Message) Fresh(now time.Time) bool {
	age := now.Sub(time.UnixMilli(m.At))
	return age >= -Ahead && age <= time.Duration(m.TTL)*time.Second
}

// ringSize is how many announcements a speaker remembers: far more than fit into their time to live.
const ringSize = 100

// Ring remembers the last messages of a speaker. It is not safe for concurrent use.
type Ring struct {
	ids  [ringSize]string
	next int
}

// Take takes an id that was not among the last hundred; false for one that was.
func (r *Ring) Take(id string) bool {
	for _, known := range r.ids {
		if known == id {
			return false
		}
	}
	r.ids[r.next] = id
	r.next = (r.next + 1) % ringSize
	return true
}

// MinKey is the least length of a key.
const MinKey = 16

// ParseKey reads a shared secret out of its file: one line of at least [MinKey] characters (Invalid).
func ParseKey(text []byte) ([]byte, error) {
	key := bytes.TrimSpace(text)
	if len(key) < MinKey || bytes.ContainsAny(key, "\r\n") {
		return nil, fault.New(fault.Invalid, "announce.key", "a speaker's key is one line of %d characters or more: make one with openssl rand -hex 32", MinKey)
	}
	return key, nil
}
