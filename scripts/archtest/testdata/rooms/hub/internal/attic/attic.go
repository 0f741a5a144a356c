// Package attic is a bad sample.
package attic // wantdir "no row in scripts/archtest/tables.go names this package"
