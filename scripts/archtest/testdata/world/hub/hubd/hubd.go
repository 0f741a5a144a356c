// Package hubd is a sample: the root reads the world.
package hubd

import "time"

var now = time.Now
