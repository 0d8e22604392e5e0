# What maintainers run. `make test` is what every change must pass.

GO      ?= go
# Tests share one throwaway PostgreSQL server.
WITHPG  := $(GO) run ./storage/storagetest/testpostgres --
FUZZ    ?= 5s
CHECKS  ?= 500
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: build run test setup vet lint race plain browser scale fuzz soak golden generate vuln clean

build: ## the program, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/stile ./cmd/stile

run: ## the demo
	$(GO) run ./cmd/stile demo

test: setup vet lint race plain browser ## everything that a change must pass

setup: ## installs what the tests need, where it can
	./scripts/setup

vet:
	$(GO) vet ./...
	CGO_ENABLED=0 $(GO) build ./...

lint: setup
	.tools/golangci-lint run

# What shares memory between requests. The other tests ask for one thing after
# another, and the race detector would only make them slow.
SHARED := ./factor ./limit ./mail ./op ./seal ./server ./session ./signin ./storage/... ./token ./web
# The embedded database is C made into Go: its memory is not for us to watch, and
# watching it makes it twenty times slower. The Go packages about it are watched:
# a generic type that they share with us, such as sync.Map, may be linked as it
# was compiled for them.
RACE   := -race -gcflags=modernc.org/sqlite/lib=-race=false

race: setup ## what shares memory, on both databases, with the race detector
	$(WITHPG) $(GO) test $(RACE) -timeout 15m $(SHARED)

plain: setup ## all other tests but those in a browser
	$(WITHPG) $(GO) test -timeout 15m $(filter-out $(shell $(GO) list $(SHARED)),$(shell $(GO) list ./... | grep -v /e2e))

browser: setup ## the whole program, in a real browser and with real clients; pictures go to artifacts/
	$(WITHPG) $(GO) test -count=1 -timeout 20m ./e2e/...

scale: ## an account of 100 000 users by page and API, on both databases; prints what answers take
	STILE_SCALE=1 $(WITHPG) $(GO) test -count=1 -timeout 20m -run TestQ11_AccountOfManyUsers -v ./api

fuzz: ## searches with each fuzz target for FUZZ (5s)
	./scripts/fuzz $(FUZZ)

soak: ## takes people through CHECKS (500) random lives; fails with the shortest one that goes wrong
	$(GO) test -count=1 -timeout 24h ./e2e -run '^TestE05_People' -rapid.checks=$(CHECKS) -rapid.steps=60 -rapid.seed=0
	$(GO) test -count=1 -timeout 24h ./op -run '^TestE05_Tokens' -rapid.checks=$(CHECKS)

golden: ## rewrites the recorded pages, mails and tables; look at the diff
	$(GO) test ./authn ./templates ./config ./cmd/stile -update

generate:
	$(GO) generate ./...

vuln: ## known weaknesses of what we depend on; needs the network
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

clean:
	rm -rf bin artifacts .tools e2e/node_modules
