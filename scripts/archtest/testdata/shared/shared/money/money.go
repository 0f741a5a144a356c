// Package money is a sample: two programs import it, one of them through shared.
package money
