# `make run` serves the lab, `make test` tests it; both make the virtual environment on their first call.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-quick test-faults test-load test-security test-cluster test-cluster-quick check audit lock format benchmarks screenshots clean

run: $(VENV)/.installed
	$(BIN)/streamlit run app.py

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup --quick

# Tests of reliability in full; their figures go to docs/RELIABILITY.md. Load and clusters are measured one at a time.
test-faults test-security: JOBS := 2
test-load test-cluster: JOBS := 0
test-cluster: $(VENV)/.installed-cluster
test-faults test-load test-security test-cluster: test-%: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/$* --full -n $(JOBS) --dist loadgroup

# The short form of those with Ray, which `make test` leaves out: beside browser tests, two cores are not enough. Who may
# join, and by which commands, is tested in full.
test-cluster-quick: $(VENV)/.installed-cluster
	$(BIN)/python -m pytest tests/core/cluster tests/cluster --ignore tests/cluster/test_up_and_join.py --cluster -m isolated -n 0

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive core pages server app.py

# Asks PyPI which of the locked libraries have known weaknesses; needs the network, and fails where it cannot ask.
audit: $(VENV)/.installed-dev
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement requirements.lock

# Takes the newest versions and writes them down: these are installed from then on. Run the tests before it is committed.
lock: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade -r requirements-dev.txt -r requirements-cluster.txt
	$(BIN)/python -m pip freeze > requirements.lock

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmarks: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m tools.screenshots

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: requirements.txt requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade -r requirements.txt -c requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade -r requirements-dev.txt -c requirements.lock
	@touch $@ $(VENV)/.installed

# Ray, for more machines than one: docs/CLUSTER.md. Nothing else needs it.
$(VENV)/.installed-cluster: requirements-cluster.txt requirements.lock | $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet -r requirements-cluster.txt -c requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
