# One target for each task; CI runs the same targets. `make` lists them.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MODULES     := envoybootstrap contour harness conformance tools
GATEWAY     := conformance/gatewayapi# a module outside of the workspace, because of what the suite depends on
OUTSIDE     := tools/dashboards tools/charts# likewise; those of the collector and of the policy agent are built only by make test-counterparts
BIN         := $(CURDIR)/bin
ASSETS      := go run ./tools/cmd/assets
LINT        := cd tools/lint && GOWORK=off go build -o $(BIN)/

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##
.PHONY: build run assets
build: ## Build contour and envoybootstrap into bin/.
	@mkdir -p $(BIN)
	go build -o $(BIN)/ ./contour/cmd/contour ./envoybootstrap/cmd/envoybootstrap

run: ## Serve examples/quickstart with a real Envoy on 127.0.0.1:8080 and :8443.
	@mkdir -p $(BIN)
	@echo 'Building contour (some minutes the first time) ...'
	@go build -o $(BIN)/ ./contour/cmd/contour ./harness/cmd/demo ./tools/cmd/assets
	@ENVOY="$$($(BIN)/assets envoy)" exec $(BIN)/demo -contour $(BIN)/contour examples/quickstart

assets: ## Download Envoy, and build etcd and kube-apiserver, into the user's cache.
	@$(ASSETS) all

##
.PHONY: check test test-unit test-race test-envoy test-local test-sharded test-closed test-counterparts conformance conformance-gateway conformance-binary test-random fuzz bench
check: verify test-unit ## Verify the sources and run the tests that have no requirements.

test: test-unit test-envoy test-local ## Run all tests that need no containers.

test-unit: ## Run unit, golden, semantic, property and in-process feature tests.
	@for m in $(MODULES); do echo "== $$m"; (cd $$m && go test ./...); done; for m in $(GATEWAY) $(OUTSIDE); do echo "== $$m"; (cd $$m && GOWORK=off go test ./...); done

test-race: ## Run the same tests of contour/ and harness/ with the race detector, which needs a C compiler; tests that only compute, with fewer inputs.
	@for m in contour harness; do echo "== $$m"; (cd $$m && CGO_ENABLED=1 go test -race -short -timeout 20m ./...); done

test-envoy: ## Test single stages with a real Envoy.
	@export ENVOY="$$($(ASSETS) envoy)"; go test -count=1 -tags envoy ./envoybootstrap/... ./contour/...

test-local: build ## Test the whole path: etcd, kube-apiserver, contour, Envoy.
	@export ENVOY="$$($(ASSETS) envoy)" CONTOUR=$(BIN)/contour; $(ASSETS) all >/dev/null; go test -count=1 -p 1 -timeout 30m -tags local ./harness/...

test-sharded: build ## Run the e2e and conformance suites with HTTP hosts sharded at any number of hosts.
	@export ENVOY="$$($(ASSETS) envoy)" CONTOUR=$(BIN)/contour CONTOUR_ARGS=--route-table-hosts=0; $(ASSETS) all >/dev/null; go test -count=1 -short -timeout 30m -tags local ./harness/e2e/...; go test -count=1 -timeout 20m -tags local ./conformance -args -implementation contour

test-closed: build ## Run the e2e and conformance suites with the configuration of the manifests, which keeps namespaces apart: CONTOUR_FLAGS=FLAGS (more); without the tests that use a configuration object, which excludes a file, and that of an object with more routes than its budget.
	@sed -n 's/^    //p' manifests/base/configuration.yaml >$(BIN)/contour.yaml; export ENVOY="$$($(ASSETS) envoy)" CONTOUR=$(BIN)/contour CONTOUR_ARGS='--config-path=$(BIN)/contour.yaml $(CONTOUR_FLAGS)'; $(ASSETS) all >/dev/null; go test -count=1 -short -timeout 30m -tags local -skip 'TestContourConfigurationIsFollowed|TestEnvoyShowsItsCertificateToBackends|TestTenThousandRoutes' ./harness/e2e/...; go test -count=1 -timeout 20m -tags local ./conformance -args -implementation contour

test-counterparts: build ## Test beside programs of other projects that users have: oauth2-proxy, the Open Policy Agent, an OpenTelemetry collector, the ACME authority Pebble, Flagger, external-dns, Contour 1.33.
	@export ENVOY="$$($(ASSETS) envoy)" CONTOUR=$(BIN)/contour; $(ASSETS) all counterparts >/dev/null; go test -count=1 -timeout 20m -tags local,counterpart -run '^TestCounterpart' ./harness/e2e

conformance: build ## Run the HTTPProxy and Ingress suites on this machine: REPORT=DIRECTORY (write reports).
	@export ENVOY="$$($(ASSETS) envoy)"; $(ASSETS) all >/dev/null; go test -count=1 -timeout 20m -tags local ./conformance -args -implementation contour $(if $(REPORT),-report $(abspath $(REPORT)))

conformance-gateway: build ## Run the conformance suite of the Gateway API on this machine: LANE=shared|dedicated (one Envoy, or Envoys of each Gateway), RUN=TEST (one test, without a report), REPORT=DIRECTORY (instead of conformance/reports), PARALLEL=COUNT (tests at a time, default 4), TIMES=COUNT (in a row, until one fails).
	@export ENVOY="$$($(ASSETS) envoy)" CONTOUR=$(BIN)/contour; $(ASSETS) all >/dev/null; mkdir -p $(abspath $(or $(REPORT),conformance/reports)); cd $(GATEWAY) && for n in $$(seq $(or $(TIMES),1)); do \
	  GOWORK=off go test -count=1 -timeout 40m -parallel $(or $(PARALLEL),4) -v -tags local . -args -lane=$(or $(LANE),shared) \
	  $(if $(RUN),-run-test=$(RUN),-report-output=$(abspath $(or $(REPORT),conformance/reports))/gatewayapi-$(or $(LANE),shared).yaml); echo "run $$n passed after $$SECONDS s"; done

conformance-binary: ## Build bin/conformance, a static binary that runs the suites against any controller in any cluster.
	@mkdir -p $(BIN)
	cd conformance && GOWORK=off CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $(BIN)/ ./cmd/conformance

test-random: ## Run tests of random inputs with other seeds than the usual one: TIMES=COUNT (default 20), and PAIRS=COUNT random requests to the model and to Envoy (default 100000). A failure names its seed: SEED=NUMBER go test ...
	@export ENVOY="$$($(ASSETS) envoy)" SEED=random; packages=$$(git grep -l randomtest.Seed contour | xargs grep -L '^//go:build envoy' | xargs -n1 dirname | sort -u | sed 's|^|./|'); \
	  go test -count=$(or $(TIMES),20) $$packages; go test -count=$(or $(TIMES),20) -tags envoy -run '^(TestSizeIsThatOfEnvoy|TestPathsAsEnvoy)$$' ./contour/internal/compile/validate ./contour/internal/semantic; \
	  go test -count=1 -timeout 60m -v -tags envoy -run '^TestModelIsThatOfEnvoy$$' ./contour/internal/pipeline -args -pairs $(or $(PAIRS),100000)

fuzz: ## Run each fuzz target: FUZZTIME=DURATION (default 30s).
	@for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' contour envoybootstrap); do \
	  for name in $$(grep -oE '^func Fuzz[A-Za-z0-9_]+' $$f | cut -c6-); do \
	    echo "== $$name"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime $${FUZZTIME:-30s} -fuzzminimizetime 1x ./$$(dirname $$f); done; done

bench: build ## Measure the controller: N, RUNS, SCENARIOS, API, OUT, CONTROLLER ...; see docs/benchmarks.
	@export ENVOY="$$($(ASSETS) envoy)" CONTOUR=$(BIN)/contour; $(ASSETS) all >/dev/null; go run ./harness/cmd/bench $(foreach n,$(or $(N),$(if $(filter hostile,$(SCENARIOS)),1000,1000 10000)),-n $(n)) \
	  $(if $(RUNS),-runs $(RUNS)) $(if $(SCENARIOS),-scenarios $(SCENARIOS)) $(if $(API),-api $(API)) $(if $(OUT),-o $(OUT).json -html $(OUT).html) \
	  $(if $(COMPARE),-compare $(COMPARE)) $(if $(CONTROLLER),-controller '$(strip $(CONTROLLER))') $(if $(BOOTSTRAP),-bootstrap '$(strip $(BOOTSTRAP))') $(if $(CRDS),-crds $(CRDS)) \
	  $(if $(filter command,$(firstword $(origin KUBECONFIG))),-kubeconfig $(KUBECONFIG)) $(BENCHFLAGS)

##
# The command that creates a cluster replaces the shell: the go command would exit on a signal without forwarding it.
CLUSTER := mkdir -p $(BIN); go build -o $(BIN)/ ./harness/cmd/cluster; exec $(BIN)/cluster
KINDTEST = mkdir -p $(BIN); go test -c -tags kind -o $(BIN)/$(1).test ./$(2); cd $(2); exec $(BIN)/$(1).test -test.timeout 60m

.PHONY: up down prepare e2e test-cluster conformance-kind images release
up: ## Create a kind cluster with contour and a sample application, and print sample requests.
	@$(CLUSTER) up -f manifests/contour.yaml

down: ## Remove the cluster of make up.
	@$(CLUSTER) down

prepare: ## Build what clusters need and no registry has, into the user's cache: about 15 minutes the first time.
	@$(ASSETS) helm >/dev/null
	@$(CLUSTER) prepare -balancer cloud-provider-kind

e2e: ## Test the installation of manifests/ in a kind cluster: RUN=FEATURE, KEEP=1 (keep and reuse the cluster), KUBECONFIG=FILE (use that cluster).
	@$(call KINDTEST,e2e,harness/e2e/kind) -test.v $(if $(RUN),-test.run 'TestCluster/$(RUN)') $(if $(KEEP),-keep) $(if $(filter command,$(firstword $(origin KUBECONFIG))),-kubeconfig $(abspath $(KUBECONFIG)))

test-cluster: ## Test the creation and removal of clusters, also when interrupted.
	@go test -count=1 -p 1 -timeout 60m -tags kind ./harness/cluster ./harness/cmd/cluster

conformance-kind: ## Run all suites in a kind cluster and write conformance/reports: REPORT=DIRECTORY (another directory), SKIP=TestGatewayAPI (without the suite of the Gateway API, which takes seven minutes on two cores).
	@mkdir -p $(BIN); cd $(GATEWAY) && GOWORK=off go test -c -tags kind -o $(BIN)/gatewayapi.test .
	@$(call KINDTEST,conformance,conformance) $(if $(SKIP),-test.skip '$(SKIP)') -gateway-suite $(BIN)/gatewayapi.test -report $(abspath $(or $(REPORT),conformance/reports))

images: ## Build the images of contour and of the sample application, for amd64 and arm64, into dist/.
	@go run ./harness/cmd/image -o dist contour echo

release: ## Make the files of a release in dist/release: VERSION=v1.2.3 REPOSITORY=registry.example.com/contour; PUSH=1 publishes the image.
	@go run ./harness/cmd/release -version '$(VERSION)' -repository '$(REPOSITORY)' $(if $(filter 1,$(PUSH)),-push)

##
.PHONY: vuln
vuln: ## Look for known vulnerabilities in what contour and envoybootstrap call; says so if no database can be reached: GOVULNDB=URL (another one).
	@cd tools/vuln && GOWORK=off go build -o $(BIN)/ golang.org/x/vuln/cmd/govulncheck
	@tools/vuln/check.sh $(BIN)/govulncheck contour envoybootstrap

.PHONY: verify verify-edges verify-generate verify-format verify-lint verify-modules verify-workspace verify-manifests
verify: verify-modules verify-workspace verify-generate verify-format verify-edges verify-lint verify-manifests ## Verify the sources.

verify-edges: ## Verify that packages import only what is below them (tools/edges/edges.txt).
	@cd tools && GOWORK=off go run ./edges ..

verify-manifests: ## Verify the manifests and the examples with contour itself, and that requests to the examples get their answers.
	@mkdir -p $(BIN)
	@go build -o $(BIN)/ ./contour/cmd/contour
	@$(BIN)/contour validate --fail-on=note -f manifests/contour.yaml -f examples/quickstart
	@$(BIN)/contour test -f examples/quickstart examples/tests/quickstart.yaml

verify-generate: ## Verify that generated files are up to date.
	@tools/unchanged.sh 'make fix-generate' contour/api manifests charts docs/compatibility.md docs/cli.md -- $(MAKE) --no-print-directory fix-generate

verify-format: ## Verify that Go files are formatted.
	@$(LINT) mvdan.cc/gofumpt
	@files=$$(git ls-files -co --exclude-standard '*.go' | xargs $(BIN)/gofumpt -l); [ -z "$$files" ] || { echo "not formatted (make fix-format):"; echo "$$files"; exit 1; }

verify-lint: ## Run golangci-lint, which also checks which packages of others are imported.
	@$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@for m in $(MODULES); do echo "lint $$m"; (cd $$m && $(BIN)/golangci-lint run --build-tags envoy,local,kind,counterpart ./...); done; (cd conformance && $(BIN)/golangci-lint run --build-tags local ./...); for m in $(GATEWAY) $(OUTSIDE); do echo "lint $$m"; (cd $$m && GOWORK=off $(BIN)/golangci-lint run --build-tags local ./...); done

verify-modules: ## Verify that go.mod and go.sum are tidy.
	@tools/unchanged.sh 'make fix-modules' $(foreach m,$(MODULES) $(GATEWAY) $(OUTSIDE),$(m)/go.mod $(m)/go.sum) -- $(MAKE) --no-print-directory fix-modules

verify-workspace: ## Verify that each module builds and vets without the workspace.
	@for m in $(MODULES) $(GATEWAY); do (cd $$m && GOWORK=off go build ./... && GOWORK=off go vet -tags envoy,local,kind,counterpart ./...); done; cd conformance; for t in conformance local; do GOWORK=off go vet -tags $$t .; done; cd ..; for m in $(OUTSIDE); do (cd $$m && GOWORK=off go vet .); done

##
.PHONY: fix fix-generate fix-format fix-modules
fix: fix-modules fix-generate fix-format ## Fix what verify reports, where a program can.

fix-generate: ## Generate deepcopy functions, CRDs, RBAC rules, manifests/contour.yaml, docs/compatibility.md and docs/cli.md.
	@cd tools && GOWORK=off go run ./crdgen .. && GOWORK=off go run ./manifestgen .. && GOWORK=off go run ./compatibility ..
	@go run ./contour/cmd/clireference >docs/cli.md.new && mv docs/cli.md.new docs/cli.md

fix-format: ## Format Go files.
	@$(LINT) mvdan.cc/gofumpt
	@git ls-files -co --exclude-standard '*.go' | xargs $(BIN)/gofumpt -w

fix-modules: ## Tidy go.mod and go.sum.
	@for m in $(MODULES) $(GATEWAY) $(OUTSIDE); do (cd $$m && GOWORK=off go mod tidy); done

.PHONY: clean
clean: ## Remove build results (not the user's cache).
	rm -rf $(BIN)
