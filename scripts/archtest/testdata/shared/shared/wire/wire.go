// Package wire is a sample.
package wire // wantdir "1 programs import this package"

import _ "cloudcashier/shared/pay"
