// Package ledger is a bad sample.
package ledger // wantdir "no row"

import (
	_ "context"      // want "may not import context"
	_ "database/sql" // want "may not import database/sql"
	_ "log/slog"     // want "may not import log/slog"
	_ "net"          // want "may not import net"
	_ "net/http"     // want "may not import net/http"
	_ "net/netip"
	_ "os"          // want "may not import os"
	_ "sync"        // want "may not import sync"
	_ "sync/atomic" // want "may not import sync/atomic"
	"time"
)

func book(at time.Time) time.Time {
	go book(at)               // want "may not start a goroutine"
	time.Sleep(time.Second)   // want "may not wait (time.Sleep)"
	<-time.After(time.Second) // want "may not wait (time.After)"
	clock := time.Now         // want "time.Now below the composition root"
	return clock().Add(time.Minute)
}
