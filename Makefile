# Developer commands; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REAL := .cache/real
PAGES := .cache/pages
LOCUST := .cache/locust
GATEWAYS := .cache/gateways
REAL_GATEWAYS := $(patsubst tests/gateway/real/%/gateway.toml,%,$(wildcard tests/gateway/real/*/gateway.toml))
# Two more than processors: some tests wait for a server or a process.
WORKERS = $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 2)')
# Arguments for the command of a target, for example: make run ARGS="--deployment silent-json"
ARGS ?=
PIP := --disable-pip-version-check --no-input --quiet
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
# Tests start hundreds of processes; without bytecode files, as some images have it, each would compile every module.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: run
run: $(VENV)/run.stamp ## Set up, and run the gate against the embedded deployment
	@$(BIN)/conformance run $(ARGS)

.PHONY: test
test: $(VENV)/test.stamp ## Set up, and run the tests (three minutes)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: verify
verify: $(VENV)/test.stamp ## Run the long tests: the full kill matrix, real time, planted breakages (eight minutes)
	@$(BIN)/python -m pytest -m verify -n $(WORKERS) --dist worksteal $(ARGS)

.PHONY: versions
versions: $(VENV)/test.stamp ## Run the tests on each supported Python that is installed (ARGS=--quick: a smoke run)
	@$(BIN)/python tests/versions.py $(ARGS)

.PHONY: check
check: $(VENV)/check.stamp ## Check format, lint, types, import layers, spelling, generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@$(BIN)/python docs/generate.py --check

.PHONY: real
real: $(VENV)/test.stamp $(REAL)/stamp ## Set up llama.cpp, vLLM's router and llmock, and run the gate against each
	@CONFORMANCE_REAL_PYTHON=$(REAL)/bin/python $(BIN)/python -m pytest tests/real -m realserver -n 0 $(ARGS)

.PHONY: locust
locust: $(LOCUST)/stamp ## Set up Locust in an environment of its own, and test loads of several processes
	@$(LOCUST)/bin/python -m pytest tests/load/test_processes.py -m "verify or not verify" -n 0 $(ARGS)

# Only for this target are the words of ARGS names of gateways; those of others would be no names of files.
CHOSEN_GATEWAYS := $(if $(filter gateways,$(MAKECMDGOALS)),$(or $(ARGS),$(REAL_GATEWAYS)))

.PHONY: gateways
gateways: $(VENV)/test.stamp $(CHOSEN_GATEWAYS:%=$(GATEWAYS)/%/stamp) ## Test real gateways from both sides; regenerates reports/gateways (ARGS="litellm": one, into reports/runs)
	@PYTHONPATH=tests/real $(BIN)/python tests/gateway/real/publish.py $(ARGS)

.PHONY: pages
pages: $(VENV)/test.stamp $(PAGES)/stamp ## Set up Chromium and axe-core, and test the site with them
	@CONFORMANCE_AXE=$(CURDIR)/$(PAGES)/node_modules/axe-core/axe.min.js \
		$(BIN)/python -m pytest tests/pages -m browser -n 0 $(ARGS)

.PHONY: published
published: $(VENV)/test.stamp $(REAL)/stamp $(PAGES)/stamp ## Regenerate reports/matrix and its picture from the servers that run here
	@CONFORMANCE_REAL_PYTHON=$(REAL)/bin/python $(BIN)/python tests/real/publish.py
	@$(BIN)/python docs/photograph.py reports/matrix/index.html docs/matrix.png 1820

.PHONY: vendors
vendors: $(VENV)/test.stamp $(PAGES)/stamp ## Regenerate reports/vendors and its picture from the recordings in the file CONFORMANCE_CORPUS
	@$(BIN)/python tests/corpus/publish.py
	@$(BIN)/python docs/photograph.py reports/vendors/index.html docs/vendors.png 1180

.PHONY: fidelity
fidelity: $(VENV)/test.stamp ## Install the real clients, and compare the predictions with them; writes docs/client-accuracy.md
	@$(BIN)/python tests/fidelity/measure.py $(ARGS)

.PHONY: fidelity-quick
fidelity-quick: $(VENV)/test.stamp ## Compare the predictions with openai, anthropic and LangGraph in a few scenes, in a minute
	@$(BIN)/python tests/fidelity/measure.py --quick $(ARGS)

.PHONY: fidelity-fuzz
fidelity-fuzz: $(VENV)/test.stamp ## Compare the predictions with the installed clients on generated replies; writes docs/client-fuzzing.md
	@$(BIN)/python tests/fidelity/fuzz.py $(ARGS)

.PHONY: fidelity-fuzz-quick
fidelity-fuzz-quick: $(VENV)/test.stamp ## The same with openai, anthropic and LangGraph on 300 replies each, in a minute
	@$(BIN)/python tests/fidelity/fuzz.py --quick $(ARGS)

.PHONY: capture
capture: $(VENV)/test.stamp ## Install the real frameworks, and capture their requests into the profiles
	@$(BIN)/python tests/fidelity/capture.py $(ARGS)

.PHONY: selftest
selftest: $(VENV)/run.stamp ## Run the gate on every planted defect and legal variant: the kill matrix
	@$(BIN)/conformance selftest $(ARGS)

.PHONY: bench
bench: $(VENV)/test.stamp ## Measure requests, recording overhead and judging speed, as ratios
	@$(BIN)/python tests/bench.py $(ARGS)

.PHONY: docs
docs: $(VENV)/run.stamp ## Regenerate the generated pages
	@$(BIN)/python docs/generate.py

.PHONY: fix
fix: $(VENV)/check.stamp ## Format, and apply the linter's fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: clean
clean: ## Remove the environments and caches
	@rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Debian packages venv's pip separately: install it if permitted, or report what is missing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11; set PYTHON to a newer one, e.g. make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq python3-venv; } || \
		{ echo "$(PYTHON) has no venv module; install it, e.g. apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) ..." >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/pip install $(PIP) -e .
	@$(BIN)/python -m compileall -q conformance # also where PYTHONDONTWRITEBYTECODE is set: a run would compile it each time
	@touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/pip install $(PIP) -e '.[test]'
	@$(BIN)/python -m compileall -q conformance
	@touch $@ $(VENV)/run.stamp

$(VENV)/check.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/pip install $(PIP) -e '.[test,check]'
	@touch $@ $(VENV)/test.stamp $(VENV)/run.stamp

$(LOCUST)/stamp: pyproject.toml constraints.txt
	@echo "Setting up Locust ..." >&2
	@$(PYTHON) -m venv $(LOCUST)
	@$(LOCUST)/bin/pip install $(PIP) -e '.[test,load]'
	@touch $@

$(REAL)/stamp: tests/real/requirements.txt
	@echo "Setting up llama.cpp, vLLM's router and llmock ..." >&2
	@$(PYTHON) -m venv $(REAL)
	@PIP_CONSTRAINT= $(REAL)/bin/pip install $(PIP) -r tests/real/requirements.txt
	@touch $@

$(GATEWAYS)/%/stamp: tests/gateway/real/%/requirements.txt tests/real/requirements.txt
	@echo "Setting up $* ..." >&2
	@$(PYTHON) -m venv --clear $(@D)
	@PIP_CONSTRAINT= $(@D)/bin/pip install $(PIP) -r $<
	@touch $@

$(GATEWAYS)/%/stamp: tests/gateway/real/%/package.json
	@echo "Setting up $* ..." >&2
	@mkdir -p $(@D) && cp $< $(@D)
	@cd $(@D) && npm install --no-audit --no-fund --no-package-lock --silent
	@touch $@

$(PAGES)/stamp: tests/pages/package.json | $(BIN)/python
	@echo "Setting up Chromium and axe-core ..." >&2
	@{ command -v chromium && command -v chromedriver; } >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium chromium-driver >/dev/null; } || \
		{ echo "chromium and chromedriver are missing, e.g. apt-get install chromium chromium-driver" >&2; exit 1; }
	@$(BIN)/pip install $(PIP) -e '.[pages]'
	@mkdir -p $(PAGES) && cp tests/pages/package.json $(PAGES)
	@cd $(PAGES) && npm install --no-audit --no-fund --no-package-lock --silent
	@touch $@
