// Package sale is a bad sample.
package sale

import (
	_ "cloudcashier/agent/internal/sale"
	_ "cloudcashier/agent/internal/store" // want "agent/internal/sale may not import agent/internal/store"
	_ "cloudcashier/hub/internal/payment" // want "pillars never see each other"
	_ "cloudcashier/shared/money"
	_ "cloudcashier/shared/sqlite" // want "agent/internal/sale may not import shared/sqlite"
)
