package sandbox

import (
	"runtime"

	"cloudcashier/hub/sandbox/internal/keys"
)

// Frugal keeps the process's Go code to one processor, for wallets that share a machine with the hub they are there for: what they
// do between two syncs of the disk is short, and waking a second processor for it takes a sixth of their time or more. OpenSSL's
// signatures and SQLite's syncs are outside Go and go on beside it; a machine without OpenSSL signs in Go, and keeps all processors.
func Frugal() {
	if keys.Backend() == "openssl" {
		runtime.GOMAXPROCS(1)
	}
}
