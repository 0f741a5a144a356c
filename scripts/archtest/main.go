// Command archtest holds the house to its plan (DESIGN section 3): who may import whom, who owns which
// third-party module, which packages are pure, and how long things may grow. tables.go is the plan.
//
// It reads syntax only, so that it takes well under a second and runs on a tree that does not compile.
// It refuses a package that no table names. Newcomers get one thing wrong: the answer to a finding is
// almost never a new table row; it is moving the code to the room it belongs in.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	root, err := moduleRoot(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "archtest:", err)
		os.Exit(2)
	}
	findings, err := inspect(root, plan)
	if err != nil {
		fmt.Fprintln(os.Stderr, "archtest:", err)
		os.Exit(2)
	}
	if report(os.Stderr, findings) > 0 {
		os.Exit(1)
	}
}

// report prints the findings and says how many there are.
func report(w io.Writer, findings []finding) int {
	for _, f := range findings {
		fmt.Fprintln(w, f)
	}
	return len(findings)
}

// moduleRoot is the nearest folder from dir upward that holds a go.mod.
func moduleRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod here or above: run it inside the repository")
		}
		dir = parent
	}
}
