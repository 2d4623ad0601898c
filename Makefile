# Every command a developer needs. `make demo` and `make test` work from a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test check simulate bench reference lock clean

setup: $(STAMP)  ## an isolated environment with the pinned dependencies; leaves .venv/bin/nomadctl

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup  ## the main job, end to end; KEEP=1 leaves it running
	$(BIN)/python -m demo $(if $(KEEP),--keep)

test: check  ## everything that must pass before a change lands
	$(BIN)/pytest

check: setup  ## style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/mypy examples tests/examples

bench: setup  ## measure; VS=http://address compares with another agent
	$(BIN)/python -m benchmarks $(if $(VS),--vs $(VS))

simulate: setup  ## operators against random faults, SEEDS of them (10,000 by default); a seed that fails says how to replay it
	$(BIN)/python -m operator_kit.testing.simulation --seeds $(or $(SEEDS),10000) --processes $(or $(PROCESSES),2)

reference: setup  ## write docs/reference.md anew from the docstrings
	$(BIN)/python docs/generate_reference.py

lock: setup  ## pin the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile --quiet --group dev pyproject.toml --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal -o requirements.lock

clean:  ## remove the environment and every cache
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
