package store

import "time"

var start = time.Now()
