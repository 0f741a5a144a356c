// Package hublink is a sample.
package hublink

import (
	_ "cloudcashier/shared/money"
	_ "cloudcashier/shared/wire"
)
