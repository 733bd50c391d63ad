# The commands of README.md. Nothing is assumed but git, Python 3.11 or newer, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: run test check format lint types walls bench soak prices-check needs clean help

help:            ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 16

run: $(VENV)/.installed   ## install into .venv and show your own numbers: `tachograph`
	@echo "Installed $$($(BIN)/tachograph --version); call it as $(BIN)/tachograph. It reads Claude Code's logs; nothing leaves this machine."
	@echo
	@$(BIN)/tachograph

test: $(VENV)/.dev needs  ## install what the tests need and run them
	@$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_FLAGS)

check: $(VENV)/.dev format lint types walls test  ## all that must be green before a commit

format: $(VENV)/.dev
	@$(BIN)/ruff format --check . && echo "format: ok"

lint: $(VENV)/.dev
	@$(BIN)/ruff check . && echo "lint: ok"

types: $(VENV)/.dev
	@$(BIN)/mypy
	@MYPYPATH=benchmarks $(BIN)/mypy benchmarks/*.py

walls: $(VENV)/.dev   ## who may import whom
	@$(BIN)/python -m pytest -q tests/test_layers.py

bench: $(VENV)/.dev   ## what we promise about speed, measured beside ccusage
	@rm -rf benchmarks/out/venv && $(PYTHON) -m venv benchmarks/out/venv && benchmarks/out/venv/bin/python -m pip --disable-pip-version-check -q install .
	@$(BIN)/python benchmarks/bench.py --tachograph benchmarks/out/venv/bin/tachograph $(BENCH_FLAGS)

soak: $(VENV)/.dev needs  ## the long runs
	@$(BIN)/python -m pytest -m soak $(PYTEST_FLAGS)

prices-check: $(VENV)/.dev  ## our price book against the genai-prices package
	@$(BIN)/python tools/check_prices.py

needs:
	@sh tools/test_needs.sh

COMPILED := hatch_build.py src/tachograph/sources/transcripts/_scan.c

$(VENV)/.installed: pyproject.toml $(COMPILED)
	@echo "Making $(VENV) with $$($(PYTHON) --version) and installing Tachograph into it …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -e .
	@touch $@

$(VENV)/.dev: pyproject.toml $(COMPILED)
	@echo "Making $(VENV) with $$($(PYTHON) --version) and installing Tachograph and what its tests need …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:           ## remove .venv and what the benchmarks made
	@rm -rf $(VENV) benchmarks/out .pytest_cache .mypy_cache .ruff_cache
