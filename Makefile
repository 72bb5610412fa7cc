# Every target does its own set-up and is safe to repeat. Nothing is installed outside .venv, but for the packages of Debian that
# tests/packages.debian names: `make test` installs them when it runs as root, and else says which are missing.
#
#   make demo     a partnership, real warnings, a real server, an auditor's verdict (KEEP=1 leaves the server running)
#   make test     the tests (within ten minutes on two cores)
#   make test-all the same with more random lives, requests and broken rules (within 45 minutes): what .ci/run asks for
#   make lint types contracts docs bench
#   make mutants  do the tests notice a wrong piece of keys.verify or the policy? (goes on where it stopped; MINUTES=20)
#   make lock     resolve the requirement files anew (UPGRADE=1 takes newer versions)
#   make clean    remove what was built; `make distclean` removes .venv as well

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input -qq
LEAST := (3, 11)
# The first interpreter that is new enough; `make PYTHON=python3.12 ...` chooses another one.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if "$$p" -c 'import sys; sys.exit(sys.version_info < $(LEAST))' 2>/dev/null; then echo "$$p"; break; fi; done)
JOBS ?= 2
TESTS ?= tests
UV ?= uv

.PHONY: help demo test test-all system lint format types contracts docs bench mutants licences openapi reasons lock clean \
	distclean runtime dev

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n '1,10p'

# --- set-up -----------------------------------------------------------------------------------------------------------
# A stamp is written last, so an interrupted set-up is done again.

runtime: $(VENV)/.runtime
dev: $(VENV)/.dev

$(VENV)/.created:
	@if [ -z "$(PYTHON)" ]; then \
		echo "no Python 3.11 or newer found: $$(python3 --version 2>&1 || true)" >&2; \
		echo "hint: on Debian 12: apt install python3 python3-venv; or: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < $(LEAST))' 2>/dev/null; then \
		echo "$(PYTHON) is not Python 3.11 or newer: $$("$(PYTHON)" --version 2>&1 || true)" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) cannot make virtual environments" >&2; echo "hint: on Debian: apt install python3-venv" >&2; exit 1; fi
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "set-up: $(VENV) with $$("$(PYTHON)" --version)"; rm -rf $(VENV); "$(PYTHON)" -m venv $(VENV); fi
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "set-up: what the product needs (requirements/runtime.txt, hash-locked)"
	@$(PIP) install --require-hashes -r requirements/build.txt
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "set-up: what the tests need (requirements/dev.txt, hash-locked)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# What the tests need of the system, one Debian package a line. Nothing happens when all are there, or the system is not Debian.
system:
	@if ! command -v dpkg-query >/dev/null; then echo "not Debian: the tests need what tests/packages.debian names"; exit 0; fi; \
	missing=""; for package in $$(sed 's/#.*//' tests/packages.debian); do \
		[ "$$(dpkg-query -W -f='$${db:Status-Status}' "$$package" 2>/dev/null)" = installed ] || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then \
		echo "installing:$$missing"; apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	else echo "the tests need:$$missing" >&2; echo "hint: sudo apt-get install$$missing" >&2; exit 1; fi

# --- what a person runs -----------------------------------------------------------------------------------------------

demo: $(VENV)/.runtime
	@$(PY) docs/examples/demo.py $(if $(KEEP),--keep)

# pytest answers 5 when it found no test, which fails here as everything but 0 does. A file stays with one worker: many
# files found a partnership once for all their tests.
test: $(VENV)/.dev system
	@$(PY) -m pytest -n $(JOBS) --dist loadfile --hypothesis-profile=deterministic $(TESTS)

# The same tests, told longer: lives held against the oracle (tests/oracle), and runs against the interface (tests/web).
test-all: export ORACLE_LIVES ?= 2000
test-all: export ORACLE_RUNS ?= 2000
test-all: export ORACLE_STEPS ?= 50
test-all: export EXPLORE ?= 2
test-all: export AUDIT_FLIPS ?= 2000
test-all: test

bench: $(VENV)/.dev
	@$(PY) tests/bench/run.py

mutants: $(VENV)/.dev
	@$(PY) tests/mutation/run.py $(if $(MINUTES),--minutes $(MINUTES)) $(MODULES)

# --- gates ------------------------------------------------------------------------------------------------------------

lint: $(VENV)/.dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

format: $(VENV)/.dev
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

types: $(VENV)/.dev
	@$(VENV)/bin/mypy

contracts: $(VENV)/.dev
	@$(VENV)/bin/lint-imports --no-logo

docs: $(VENV)/.dev
	@$(PY) -m sphinx -W --keep-going -q -b html -d var/docs/doctrees docs var/docs/html
	@echo "var/docs/html/index.html"

licences: $(VENV)/.dev
	@$(PY) docs/tools/licences.py

reasons: $(VENV)/.dev
	@$(PY) docs/tools/reason_codes.py

openapi: $(VENV)/.dev
	@$(PY) docs/tools/openapi.py

# --- locking ----------------------------------------------------------------------------------------------------------
# For every platform and Python from 3.11 on. Only names, versions and hashes are kept: where packages come from is the
# installing machine's own configuration.

LOCK = $(UV) --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock:
	@command -v $(UV) >/dev/null || { echo "uv is missing" >&2; \
		echo "hint: pip install uv into an environment of its own, then: make lock UV=/path/to/uv" >&2; exit 1; }
	@$(LOCK) requirements/build.in -o requirements/build.txt
	@$(LOCK) pyproject.toml -o requirements/bare.txt
	@$(LOCK) pyproject.toml --extra server --extra member -o requirements/runtime.txt
	@$(LOCK) pyproject.toml --extra server --extra member --extra report -c requirements/runtime.txt \
		-o requirements/report.txt
	@$(LOCK) pyproject.toml --all-extras -c requirements/report.txt -o requirements/dev.txt
	@echo "locked; now: make licences"

clean:
	@rm -rf var/docs var/demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)
