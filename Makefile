# Every target sets up what it needs: a virtual environment with the pinned, hashed requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export SHOUHOU_HOST ?= 127.0.0.1
export SHOUHOU_PORT ?= 8000
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: serve test lint bench bench-api bench-predict bench-retraining soak screenshots lock clean

serve: $(VENV)/runtime
	$(BIN)/shouhou serve

# Two at a time, file by file: half of the time goes into waiting for servers, databases and browsers.
test: lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 30

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shouhou playbook check

bench: $(VENV)/bench
	$(BIN)/python -m tests.bench $(if $(EVALUATION),--evaluation $(EVALUATION)) $(if $(JD_TRAIN),--jd-train $(JD_TRAIN) --jd-test $(JD_TEST))

# Needs wrk (Debian's package).
bench-api: $(VENV)/dev
	$(BIN)/python -m tests.bench_api

# Half an hour on two idle cores, 3 GB of disk.
bench-predict: $(VENV)/dev
	$(BIN)/python -m tests.bench_predict

# A few minutes on two idle cores: 1,000 new labels to a promoted model, step by step.
bench-retraining: $(VENV)/dev
	$(BIN)/python -m tests.bench_retraining

# Ten minutes of load; `make test` does a short one.
soak: $(VENV)/dev
	SOAK_SECONDS=600 $(BIN)/python -m pytest tests/test_soak.py

# The README's pictures, with Debian's chromium.
screenshots: $(VENV)/dev
	$(BIN)/python -m tests.screenshots

$(VENV)/runtime: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --require-hashes -r requirements.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.txt
	$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	touch $@

$(VENV)/bench: $(VENV)/dev requirements-bench.txt
	$(PIP_INSTALL) --require-hashes -r requirements-bench.txt
	touch $@

# For maintainers: renew the locks. `pip install uv` first.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
lock:
	$(COMPILE) --group build --output-file requirements.txt
	$(COMPILE) --group build --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(COMPILE) --group build --group dev --group bench --constraint requirements-dev.txt --output-file requirements-bench.txt

clean:
	rm -rf $(VENV) .artifacts .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
