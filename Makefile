# Every command of the README. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: container-test upgrade-test backup restore bench-tenants overload chaos fuzz isolation test-sanitizers help check setup build run stop clean status test lint bench demo-data test-data
LOCAL := deploy/local

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check:
	@$(LOCAL)/check.sh

setup: ## Install what is missing from Debian and check the Swift toolchain
	@$(LOCAL)/setup.sh

build: setup ## Build everything (release)
	@$(LOCAL)/build.sh

run: check build ## Start PostgreSQL, the event log and the five services, and load demo data
	@$(LOCAL)/run.sh

status: ## Say which services run
	@$(LOCAL)/guanxi-local status || true

stop: ## Stop everything that `make run` started; the data stay
	@$(LOCAL)/guanxi-local down

backup: ## Copy the whole of PostgreSQL while it runs, and keep its log from then on; KEEP=n removes all backups but n
	@$(LOCAL)/guanxi-local backup "$(KEEP)"

restore: ## Set everything back to a moment after a backup: AT=2026-11-26T04:00:00Z or AT=latest
	@$(LOCAL)/guanxi-local restore "$(AT)" "$(TIMELINE)"

clean: ## Stop everything and delete its data and the build; not while there are backups, unless FORCE=1
	@FORCE="$(FORCE)" $(LOCAL)/guanxi-local clean
	@rm -rf .build
	@echo 'removed the data and the build'

lint: ## Check the formatting of the Swift code
	@swift format lint --strict --recursive Package.swift Services Shared Tests

test: setup ## Run all tests; they start and stop what they need
	@$(LOCAL)/setup.sh test
	@Tests/run.sh

test-sanitizers: setup ## Run the tests of the lower modules under the thread and the address sanitizer
	@Tests/sanitizers.sh

bench: build ## Measure speed and size as ratios against floors of the same run
	@$(LOCAL)/setup.sh bench
	@$(LOCAL)/bench.sh

bench-tenants: build ## Measure 2,000 tenants (TENANTS=n): making, migrating, writing, memory, dropping
	@$(LOCAL)/setup.sh bench
	@$(LOCAL)/bench-tenants.sh

demo-data: ## Load a data set: DATASET=hardware|education|music DATA=<folder>
	@$(LOCAL)/demo-data.sh "$(DATASET)" "$(DATA)"

test-data: build ## Load the real data sets of DATA=<folder> and compare every figure (LOGS="kafka postgres")
	@$(LOCAL)/test-data.sh "$(DATA)" $(if $(LOGS),--logs $(LOGS))

fuzz: setup ## Send generated calls to the running platform; none may break it
	@$(LOCAL)/fuzz.sh

chaos: build ## Break it while 20 tenants write: CHAOS="report", "brief" or options such as "--seconds 60 --runs kafka:3"
	@$(LOCAL)/setup.sh chaos
	@$(LOCAL)/chaos.sh $(CHAOS)

upgrade-test: setup ## Upgrade the last release (deploy/release) while it works, both versions side by side
	@$(LOCAL)/upgrade-test.sh

container-test: build ## Build the image's files without a container engine, run compose.yaml in them, without privileges
	@$(LOCAL)/container.sh

isolation: build ## Try to reach one tenant from another in every way; nothing may get through (SEED=n LOG=kafka)
	@$(LOCAL)/isolation.sh

overload: build ## Ask more than can be done, slowly and oddly, and measure who is served (OVERLOAD="--parts flood")
	@$(LOCAL)/overload.sh $(OVERLOAD)
