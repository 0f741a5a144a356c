// Package engine is a sample: what only tests import is not in use.
package engine

import _ "cloudcashier/shared/wire"
