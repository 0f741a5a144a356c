// Package deploy is what a till's machine needs beside the programs: units for systemd, names for its devices, a
// user, a folder. The tree below "till" is laid over the machine's root as it is; `make release` packs it with the
// programs.
//
// It refuses to hold what differs between two tills: that stands in /etc/cashier, which no release touches.
// Newcomers get one thing wrong: PrivateDevices would harden a till out of its scanner, and so would naming ttyUSB0,
// which is ttyUSB1 after the next unplugging.
package deploy

import "embed"

// Till is the tree.
//
//go:embed till
var Till embed.FS
