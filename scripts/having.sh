#!/bin/sh
# Lists the packages that have a test file with the given text.
set -eu
cd "$(dirname "$0")/.."
grep -rlE --include='*_test.go' "$1" agent hub shared tui firmware-sim scripts | xargs -n1 dirname | sort -u | sed 's|^|./|'
