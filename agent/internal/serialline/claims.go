package serialline

import "sync"

// Claims says which devices are open. For root the kernel's own lock does not hold, and two readers
// of one device would each get half of what it says.
type Claims struct {
	mu       sync.Mutex
	taken    map[string]bool
	reserved []string
}

// NewClaims makes the register. The reserved paths are for who names exactly them: a scanner's
// pattern such as /dev/serial/by-id/* must not take the printer.
func NewClaims(reserved ...string) *Claims {
	return &Claims{taken: map[string]bool{}, reserved: reserved}
}

// Take takes a device for the user of a path; false when it is taken or kept for another.
func (c *Claims) Take(target, path string) bool {
	kept := false
	for _, r := range c.reserved {
		for _, d := range Devices(r) {
			kept = kept || r != path && d.Target == target
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept || c.taken[target] {
		return false
	}
	c.taken[target] = true
	return true
}

// Open opens the first free device under a path, for the kind of device that people are told of. Without one the port is
// nil, and advice says why and what to do. Release it when its port is closed.
func (c *Claims) Open(kind, path string, baud int, flush bool) (d Device, port *Port, advice string) {
	advice = "no " + kind + " at " + path + ": plug it in and switch it on"
	for _, d := range Devices(path) {
		if !c.Take(d.Target, path) {
			advice = d.Target + " is used already under another path: remove one of the two"
			continue
		}
		port, err := Open(d.Target, baud, flush)
		if err == nil {
			return d, port, ""
		}
		c.Release(d.Target)
		advice = Advice(kind, d.Name, err)
	}
	return Device{}, nil, advice
}

// Release gives a device up. Close its port first.
func (c *Claims) Release(target string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.taken, target)
}
