// Package gateway is a bad sample.
package gateway

import (
	_ "github.com/danielgtaylor/huma/v2"
	_ "github.com/danielgtaylor/huma/v2/adapters/humago"
	_ "github.com/eclipse/paho.mqtt.golang"    // want "belongs to agent/internal/hublink"
	_ "github.com/eclipse/paho.mqtt.golangish" // want "has no owner"
	_ "github.com/mattn/go-sqlite3"            // want "belongs to shared/sqlite"
	_ "github.com/stretchr/testify/assert"     // want "has no owner"
	_ "go.uber.org/goleak"                     // want "belongs to"
	_ "golang.org/x/sys/unix"                  // want "belongs to agent/internal/serialline and firmware-sim/board"
)
