// Package money is a bad sample.
package money // wantdir "0 programs"

import "strconv"

func yuan(s string) (float64, error) { // want "float64 where money is near"
	fee := 0.006 // want "a float constant"
	_ = fee
	var half float32 // want "float32 where money is near"
	_ = half
	return strconv.ParseFloat(s, 64) // want "strconv.ParseFloat"
}
