// Package payment is a sample.
package payment

import (
	_ "cloudcashier/shared/money"
	_ "cloudcashier/shared/pay"
)
