// Package board is a sample: no money here.
package board

const rate = 0.5
