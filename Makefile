# Tenure. Two commands on a fresh machine: `make demo`, `make test`.
.DEFAULT_GOAL := help
.PHONY: help setup demo down check test faults lint

help: ## Say what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Ports: TENURE_DAGSTER_PORT (3000), TENURE_COLLECTOR_PORT (8080), TENURE_SUPERSET_PORT (8088). State: TENURE_HOME (.tenure)."

setup: ## Install both environments, pinned, and Spark's JARs; quick when nothing changed
	@scripts/setup.sh --spark

demo: ## Run the main job on a sandbox world and this git history, start the services, print where to look
	@scripts/setup.sh
	@.venv/bin/tenure demo $(ARGS)

down: ## Stop what `make demo` or `tenure up` started
	@if [ -x .venv/bin/tenure ]; then .venv/bin/tenure down; else echo "nothing runs: nothing was ever installed here"; fi

check: ## In three minutes: rules, types, and the tests without Spark, Superset, browser and campaigns (ARGS="-k words")
	@scripts/test.sh --check $(ARGS)

test: ## Install what is needed and run every check and test (ARGS="-k words" to narrow)
	@scripts/test.sh $(ARGS)

faults: ## Inject a thousand crashes each into the main job and the collector (ARGS="--seed 7 --count 2000"); resumes
	@scripts/setup.sh
	@.venv/bin/python -m tests.faults --mutations $(ARGS)
	@.venv/bin/python -m tests.faults.collector --mutations $(ARGS)

lint: ## Rules, format, SQL, imports and types, without the tests
	@scripts/test.sh --lint-only
