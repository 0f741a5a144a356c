# Cloud Cashier. `make help` lists what there is.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -ldflags "-s -w -X main.version=$(VERSION)"
PROGRAMS := cashier-hub cashier-agent cashier-tui firmware-sim

# Schedules that `make sim` draws: for each law, and for the whole chain.
SEEDS    ?= 10000
# Kills of `make torture`; 1000 take about ten minutes.
KILLS     ?= 60
# Disks that `make powercut` draws.
IMAGES    ?= 20000
# Sales of `make soak`.
SALES     ?= 10000
# Tills of `make storm`.
TILLS    ?= 2000
# How long `make fuzz` stays at each parser.
FUZZTIME ?= 20s
# Who pays, and how it ends, with `make scan`.
WALLET   ?= wechat
FATE     ?= 00

export CGO_ENABLED := 1
# SQLite counts its memory behind a lock, for questions that nobody asks, and can share a cache, which nobody does.
export CGO_CFLAGS := -O2 -g -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_OMIT_SHARED_CACHE
# The same flags everywhere, so that tests reuse what the build compiled.
export GOFLAGS := -trimpath

.PHONY: help build demo run scan test check sim mutants torture torture-canary storm bench powercut fuzz e2e conformance keyscan soak release release-check setup clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(addprefix bin/,$(PROGRAMS)) ## build the four programs into bin/

# The Go tool knows better than make what is up to date.
bin/cashier-hub: FORCE
	@go build $(LDFLAGS) -o $@ ./hub
bin/cashier-agent: FORCE
	@go build $(LDFLAGS) -o $@ ./agent
bin/cashier-tui: FORCE
	@go build $(LDFLAGS) -o $@ ./tui
bin/firmware-sim: FORCE
	@go build $(LDFLAGS) -o $@ ./firmware-sim
FORCE:

demo: build ## the main job with the real programs, under a minute, checks itself
	@go run ./scripts/demo -bin bin

run: build ## the same set-up with the live till screen
	@go run ./scripts/demo -bin bin -screen

scan: ## a customer pays at the screen of `make run`: WALLET=wechat|alipay|unionpay FATE=two digits
	@go run ./scripts/demo -bin bin -scan $(WALLET) -fate $(FATE)

test: setup build ## everything: unit, simulation, end to end
	@scripts/test.sh

check: ## gofmt, vet, the house's rules, go.mod, hygiene
	@scripts/check.sh

sim: ## SEEDS=n schedules of the whole chain, and of each law; SEED=n plays one and tells its story
	@$(if $(SEED),,SEEDS=$(SEEDS) go test -count=1 -timeout 20m -run Sim $$(scripts/having.sh '"SEEDS"'))
	@go run ./scripts/simtest $(if $(SEED),-seed $(SEED),-seeds $(SEEDS))

fuzz: ## each parser's fuzz target for FUZZTIME
	@scripts/fuzz.sh $(FUZZTIME)

mutants: ## plant bugs, one at a time, and see each one caught
	@go run ./scripts/mutants

torture: build ## kill, pause and cut KILLS=n times, then compare the three books (SEED=n)
	@go run ./scripts/torture -bin bin -kills $(KILLS) $(if $(SEED),-seed $(SEED))

torture-canary: ## see the torture find five planted bugs, about eight minutes
	@go run ./scripts/torture -kills 30 -canary all

storm: build ## kill the hub under TILLS=n tills that sell; all back within a minute, no payment lost
	@go run ./scripts/storm -bin bin -tills $(TILLS)

bench: build setup ## measure: the talk's tables, signing, the gateway, a drain, a storm; figure beside limit
	@go run ./scripts/bench -bin bin -tills $(TILLS)

powercut: setup build ## cut the power IMAGES=n times, fail every system call
	IMAGES=$(IMAGES) FAULTS=all go test -count=1 -timeout 30m -v ./scripts/powercut -bin $(CURDIR)/bin

e2e: setup build ## black-box tests of the real programs: every fate, kill -9, money compared
	go test -count=1 -parallel 4 -timeout 8m -v ./scripts/e2e -bin $(CURDIR)/bin

conformance: build ## the wallets' own SDKs (from npm) against the sandbox, a byte of everything changed; 2 min
	@scripts/setup.sh conformance
	@go run ./scripts/conformance -bin bin

keyscan: setup build ## look for the wallets' keys in memory, database, logs, exports and backups of hubs under load
	@go run ./scripts/keyscan -bin bin

release: ## static programs for amd64, arm64 and armv7, packed with what a till's machine needs, into dist/ (ARCHS=...)
	@scripts/setup.sh release
	@scripts/release.sh dist

release-check: ## build the release twice, compare every byte, run it, foreign processors emulated
	@scripts/setup.sh release
	@scripts/release-check.sh

soak: build ## SALES=n sales at one till as fast as they go: does anything grow? 10,000 are a long day
	@go run ./scripts/soak -bin bin -sales $(SALES)

setup: ## install what tests need from Debian, when it is missing
	@scripts/setup.sh

clean: ## remove what was built
	rm -rf bin dist
