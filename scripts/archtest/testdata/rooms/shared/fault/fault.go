// Package fault is a bad sample.
package fault // wantdir "0 programs import this package"

import _ "cloudcashier/agent/internal/sale" // want "shared is a leaf"
