package display

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/localapi"
)

// Hurry makes the driver's waits short where nothing but time would pass, and the end of a sale stay so long.
func (d *Display) Hurry(linger time.Duration) {
	d.waits = waits{look: 20 * time.Millisecond, alive: 50 * time.Millisecond, again: 5 * time.Millisecond, stuck: 100 * time.Millisecond,
		linger: linger, test: linger}
}

// SceneOf is the picture of a sale in a state.
func SceneOf(s localapi.State) (Scene, bool) { return sceneOf(sale.Sale{State: s}) }

// WithChange is withChange.
var WithChange = withChange
