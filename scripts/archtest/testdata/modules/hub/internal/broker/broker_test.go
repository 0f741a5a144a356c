// Package broker is a sample: its tests speak to it as a till does.
package broker

import _ "github.com/eclipse/paho.mqtt.golang"
