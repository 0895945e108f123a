# Commands of the project. `make demo` and `make test` are all a fresh machine needs (Go, make; Node for the portal's look).
GO ?= go
NPM ?= npm
PORTAL := adapters/portal/assets

.PHONY: all build assets demo test lint vuln bench bench-growth soak torture profile test-peers fuzz clean

all: build

# The portal's fonts and styles come from npm and are embedded when present; without Node the plain look is built.
assets:
	@if command -v $(NPM) >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory $(PORTAL)/dist/.stamp || echo "assets: npm failed; the portal is built with its plain look" >&2; \
	else echo "assets: no npm on this machine; the portal is built with its plain look" >&2; fi

$(PORTAL)/dist/.stamp: $(PORTAL)/package.json $(PORTAL)/package-lock.json $(wildcard $(PORTAL)/*.mjs)
	cd $(PORTAL) && $(NPM) ci --no-audit --no-fund --loglevel=error && $(NPM) run --silent build
	@touch $@

build: assets
	$(GO) build -o bin/tram ./cmd/tram

demo: build
	./bin/tram demo

test:
	$(GO) test ./...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt: the files above need formatting"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags peers ./...
	$(GO) tool staticcheck -tags peers ./...
	@$(MAKE) --no-print-directory vuln

# Known vulnerabilities. Without a way to the database this says so and goes on; found ones fail.
vuln:
	@out=$$($(GO) tool govulncheck ./... 2>&1) && echo "$$out" | tail -n 1 || { \
		if echo "$$out" | grep -q 'fetching vulnerabilities'; then echo "govulncheck: NOT CHECKED, the vulnerability database cannot be reached from here"; \
		else echo "$$out"; exit 1; fi; }

# What is judged by others: xmlsec1, xmllint, openssl, Santuario, curl, Chromium, and the vectors beside the checkout.
# Runs just the tests of files tagged `peers`; a peer that is missing fails there, and so does an empty selection.
test-peers: build
	@set -e; ran=0; \
	for d in $$(grep -rl --include='*_test.go' '^//go:build peers' . | xargs -n1 dirname | sort -u); do \
		names=$$(grep -l '^//go:build peers' $$d/*_test.go | xargs grep -ho '^func Test[A-Za-z0-9_]*' | sed 's/^func //' | paste -sd'|' -); \
		[ -n "$$names" ] || continue; \
		$(GO) test -tags peers -count=1 -timeout 40m -run "^($$names)\$$" $$d; ran=$$((ran+1)); \
	done; \
	test $$ran -ge 5 || { echo "test-peers: only $$ran packages have peer tests; some went missing"; exit 1; }

bench: build
	./bin/tram bench
	$(GO) test -run '^$$' -bench 'BenchmarkAppend|BenchmarkFollow' -benchtime 20000x ./events/esdbstore

# How the cost of an event grows with the record, up to 1,000,000 events: minutes.
bench-growth: build
	./bin/tram bench --growth -o bench-growth.json

soak: build
	./bin/tram bench --soak 10m

# Two nodes killed with kill -9 at random moments under load, for minutes; after each kill everything is proved (docs/faults.md). The log names the seed
# that repeats the moments: make torture TORTURE=10m SEED=…
TORTURE ?= 5m
SEED ?= 0
torture:
	$(GO) test -count=1 -timeout 0 -run '^TestTorture$$' -v ./cmd/tram -torture $(TORTURE) -torture-seed $(SEED)

# The profile that the compiler reads when it builds the program (cmd/tram/default.pgo, found by name): what is hot when documents are verified.
# Make it anew when the scanner or the canonicaliser have changed much. Paths of this machine are left out.
profile:
	@set -e; d=$$(mktemp -d); trap 'rm -rf "$$d"' EXIT; \
	$(GO) test -trimpath -run '^$$' -bench 'BenchmarkVerify$$/230KB' -benchtime 4000x -cpuprofile $$d/cpu -o $$d/test ./signing; \
	$(GO) tool pprof -proto $$d/cpu > cmd/tram/default.pgo

# A short run of every fuzzer, by count: by time, the go command fails a run whose last input is cut off ("context deadline exceeded").
FUZZTIME ?= 2000x
fuzz:
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "fuzz $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done

clean:
	find $(PORTAL)/dist -mindepth 1 ! -name .keep -delete
	rm -rf bin $(PORTAL)/node_modules demo .screens bench.json bench-growth.json
