// Package fault gives every error one question to answer: what may the caller do next?
//
// The answer is a [Kind]. Only the code that wrote the bytes may call an error
// Unavailable (nothing happened, send again) or InDoubt (it may have happened, ask
// first): KindOf never guesses either from a timeout. Declines by a wallet are answers
// and travel as data, not as errors.
//
// Newcomers get one thing wrong: the zero Kind is Internal, so an error nobody
// classified is treated as a bug, never as "nothing happened".
package fault

import (
	"errors"
	"fmt"
)

// Kind says what the caller may do next.
type Kind int

// The kinds, each with the caller's next step.
const (
	Internal    Kind = iota // stop and tell a person: a bug, a broken disk
	Invalid                 // fix the request
	NotFound                // stop asking
	Conflict                // look at the present state first
	Denied                  // enrol, log in, or ask for the right
	Unavailable             // send again: nothing happened
	InDoubt                 // ask first: it may have happened
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "denied", "unavailable", "in_doubt"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Error is an error with a kind, a stable code and a message for people.
type Error struct {
	Kind    Kind
	Code    string // stable, crosses the wire: "payment.order_conflict"
	Message string // for people; ends, where it helps, in what to do next
	Err     error  // the cause, for logs only
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind. The code is stable; the message is for people.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap classifies err. It returns nil for a nil err.
func Wrap(err error, kind Kind, code, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...), Err: err}
}

// KindOf finds the outermost kind in err's chain; Internal when nobody classified it.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// CodeOf finds the outermost code in err's chain, "internal" when there is none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Code != "" {
		return e.Code
	}
	return "internal"
}

// MessageOf is the text a person outside may read: the message without its causes.
// An unclassified error yields a neutral sentence, so nothing internal leaks.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Kind != Internal {
		return e.Message
	}
	return "internal error; the operator's log has the cause"
}
