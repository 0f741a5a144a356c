// Package logs makes the programs' logger and names the keys of its lines, so that one grep for
// a payment's id tells its story.
//
// It refuses globals: a logger is made in main and handed down. Newcomers get one thing wrong:
// the message is a constant sentence; everything that varies is an attribute under one of these keys.
package logs

import (
	"fmt"
	"io"
	"log/slog"
)

// The keys of attributes, spelt one way everywhere.
const (
	Payment  = "payment"
	Attempt  = "attempt"
	Order    = "order"
	Sale     = "sale"
	Refund   = "refund"
	Terminal = "terminal"
	Merchant = "merchant"
	Operator = "operator"
	Channel  = "channel"
	Kind     = "kind"
	Status   = "status"
	Err      = "err"
)

// New makes a logger writing lines of "text" or "json" to w, from level ("debug", "info",
// "warn", "error") up.
func New(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q: use text or json", format)
}
