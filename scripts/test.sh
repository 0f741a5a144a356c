#!/bin/sh
# Everything that proves the product. The end-to-end tests and the torture mostly wait, for wallets and for proof that a
# request was lost: they run beside what computes, one after the other.
set -eu
cd "$(dirname "$0")/.."
began=$(date +%s)
section() { echo; echo "== $1 ($(($(date +%s) - began)) s)"; }

outside=$(mktemp)
tortured=$(mktemp)
trap 'rm -f "$outside" "$tortured"' EXIT
go test -count=1 -parallel 4 -timeout 8m ./scripts/e2e -bin "$(pwd)/bin" >"$outside" 2>&1 &
e2e=$!
status=0

section "packages, with the race detector; end-to-end tests beside them"
# A few schedules of the simulations here, for the detector; all of them below.
SEEDS=1000 SIM_SEEDS=20 go test -race -timeout 8m ./agent/... ./hub/... ./shared/... ./tui/... ./firmware-sim/... ./deploy \
	./scripts/archtest ./scripts/conformance ./scripts/history ./scripts/mutants ./scripts/simtest/... ./scripts/torture ./scripts/internal/... || status=1

section "kill torture and MQTT faults begin; beside them, simulation of the laws"
{
	from=$(date +%s)
	go run ./scripts/torture -bin bin -kills 60 && echo "torture took $(($(date +%s) - from)) s" && go run ./scripts/keyscan -bin bin -for 2s
} >"$tortured" 2>&1 &
torture=$!
# shellcheck disable=SC2046 # a list of packages
go test -count=1 -timeout 4m -run Sim $(scripts/having.sh '"SEEDS"') || status=1

section "simulation of the whole chain"
go test -count=1 -run Replays ./scripts/simtest/world || status=1
go run ./scripts/simtest -seeds 2000 || status=1

section "power cuts and failing system calls, real programs"
go test -count=1 -timeout 5m ./scripts/powercut -bin "$(pwd)/bin" || status=1

section "end to end, real programs"
wait "$e2e" || status=1
cat "$outside"

section "kill torture: 60 kills, three books compared; then a search for keys"
wait "$torture" || status=1
cat "$tortured"

if [ "$status" -eq 0 ]; then section "all passed"; else section "FAILED, see above"; fi
exit "$status"
