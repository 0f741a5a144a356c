package helpers // want "a package named helpers can hold anything" // wantdir "no package doc"

type journal interface { // want "interface journal has 5 methods"
	A()
	B()
	C()
	D()
	E()
}

type small interface {
	A()
	B()
	C()
	D()
}
