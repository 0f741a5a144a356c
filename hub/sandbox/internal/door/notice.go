package door

import (
	"net/http"
	"time"
)

// Post is a notice as it goes to a merchant. Ladder is the wallet's own: how long after each sending that was not taken
// the next one comes; it gives up after the last.
type Post struct {
	ContentType string
	Header      http.Header // more of the head; may be nil
	Body        []byte
	Taken       func(status int, body []byte) bool // the merchant's answer, read as the wallet reads it
	Ladder      []time.Duration
}
