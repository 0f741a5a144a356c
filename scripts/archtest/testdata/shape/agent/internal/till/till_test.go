// Package helpers_test has a doc, but in a test file.
package helpers_test // want "a package named helpers_test can hold anything"

type fake interface {
	A()
	B()
	C()
	D()
	E()
}
