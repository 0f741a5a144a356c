package engine

import (
	_ "cloudcashier/hub/internal/channel/channeltest"
	_ "cloudcashier/hub/internal/gateway" // want "may not import"
)
