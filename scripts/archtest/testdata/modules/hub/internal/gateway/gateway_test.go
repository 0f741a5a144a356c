package gateway

import (
	_ "github.com/eclipse/paho.mqtt.golang" // want "belongs to agent/internal/hublink"
	_ "go.uber.org/goleak"
)
