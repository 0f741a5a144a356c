package main

import (
	"context"
	"time"

	"cloudcashier/scripts/internal/device"
	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
)

// agent is the till's own table.
var agent = measurement{"agent", "the till on its board; hub and wallets beside it", func(ctx context.Context, r *rig.Rig) ([]load.Row, []string, error) {
	f, err := device.Agent{Starts: 5, Scans: 100, Screens: 30, Idle: 20 * time.Second}.Run(ctx, r)
	return f.Table(), nil, err
}}
