# `make demo` and `make test` need Python 3.11 or newer, make and a package registry; they do all their set-up.
PYTHON ?= python3
BIN := .venv/bin
# A file at a time, in order: the first ones wait long for processes that they start.
PYTEST := $(BIN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder
# Every process that a test starts would compile all it imports anew.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help demo test deep study check bench up clean

help:
	@echo "make demo   the demo service's rounds, with faults that must be found"
	@echo "make test   all tests but the long ones"
	@echo "make deep   the long ones: whole matrices of faults, kills at many moments, all examples of properties"
	@echo "make study  what takes longer still, now and then: the demo without a fault, drills of fifty dumps, statistics of many made-up services, all pairs, other examples of properties"
	@echo "make check  format, lint, types, imports, and make test"
	@echo "make bench  measurements"
	@echo "make up     the demo with Prefect's UI, until Ctrl-C"
	@echo "make clean  remove what these made"

.venv: .venv/.ready

# uv for speed; plain pip where it cannot be had. Both, and uv itself, are installed by hash, and no build asks an index.
.venv/.ready: requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("opsrounds needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-uv.lock || echo "no uv: pip is used"
	if test -x $(BIN)/uv; then \
	  $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --only-binary :all: --require-hashes -r requirements.lock && \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	fi
	$(BIN)/python -m compileall -q -j 0 flows tasks reports deployments
	@touch $@

demo: .venv
	$(BIN)/rounds demo

test: .venv
	$(PYTEST) -m "not deep"

deep: .venv
	$(PYTEST) -m "(deep or hypothesis) and not study" --hypothesis-profile=deep

study: .venv
	$(PYTEST) -m "study and not alone"
	$(BIN)/pytest -q -m "study and alone"
	$(PYTEST) -m hypothesis --hypothesis-profile=study
	OPSROUNDS_HEALTHY=50 $(BIN)/pytest -q tests/tasks/backups/drill/test_healthy.py

check: .venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -m "not deep"

bench: .venv
	PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL=CRITICAL $(BIN)/python -m tests.bench.overhead
	PREFECT_LOGGING_LEVEL=ERROR PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL=CRITICAL $(BIN)/python -m tests.bench.log_scan
	$(BIN)/python -m tests.bench.at_rest
	$(BIN)/python -m tests.bench.idle_watch
	$(BIN)/python -m tests.bench.slo_month
	$(BIN)/python -m tests.bench.restore_drill
	PREFECT_LOGGING_LEVEL=ERROR PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL=CRITICAL $(BIN)/python -m tests.bench.security_scan
	$(BIN)/python -m tests.bench.load

up: .venv
	$(BIN)/rounds up --demo

clean:
	rm -rf .venv .demo reports/output build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
