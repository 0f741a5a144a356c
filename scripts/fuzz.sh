#!/bin/sh
# Runs every fuzz target for the given time, one after the other. What it finds is kept by the Go tool under
# testdata/fuzz of the package and is a test from then on.
set -eu
cd "$(dirname "$0")/.."
time=${1:-20s}
scripts/having.sh '^func Fuzz' | while read -r package; do
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$package"/*_test.go | while read -r target; do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null
	done
done
