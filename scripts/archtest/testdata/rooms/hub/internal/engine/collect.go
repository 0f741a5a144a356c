// Package engine is a bad sample.
package engine

import (
	_ "cloudcashier/hub/internal/broker"              // want "hub/internal/engine may not import hub/internal/broker"
	_ "cloudcashier/hub/internal/channel/channeltest" // want "may not import"
	_ "cloudcashier/hub/internal/gateway"             // want "declare an interface at the user"
	_ "cloudcashier/hub/internal/store"
)
