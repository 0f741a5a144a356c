#!/bin/sh
# Everything that proves the product. The end-to-end tests mostly wait for wallets, so they run beside the others.
set -eu
cd "$(dirname "$0")/.."
began=$(date +%s)
section() { echo; echo "== $1 ($(($(date +%s) - began)) s)"; }

outside=$(mktemp)
trap 'rm -f "$outside"' EXIT
go test -count=1 -parallel 4 -timeout 8m ./scripts/e2e -bin "$(pwd)/bin" >"$outside" 2>&1 &
e2e=$!
status=0

section "packages, with the race detector; end-to-end tests beside them"
# The laws' simulations have one goroutine: a few schedules here, all of them below.
SEEDS=1000 go test -race -timeout 4m ./agent/... ./hub/... ./shared/... ./tui/... ./firmware-sim/... \
	./scripts/archtest ./scripts/conformance ./scripts/history ./scripts/mutants ./scripts/torture ./scripts/internal/... || status=1

section "simulation"
# shellcheck disable=SC2046 # a list of packages
go test -count=1 -timeout 4m -run Sim $(scripts/having.sh SEEDS) || status=1

section "power cuts and failing system calls, real programs"
go test -count=1 -timeout 5m ./scripts/powercut -bin "$(pwd)/bin" || status=1

section "end to end, real programs"
wait "$e2e" || status=1
cat "$outside"

if [ "$status" -eq 0 ]; then section "all passed"; else section "FAILED, see above"; fi
exit "$status"
