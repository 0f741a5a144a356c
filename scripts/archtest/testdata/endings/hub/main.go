// Command hub is a sample: main ends the program.
package main

import (
	"log"
	"os"
)

func main() {
	log.Fatal("no") // want "log.Fatal"
	os.Exit(1)
}
