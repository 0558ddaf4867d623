# make lab        set up .venv, then run the lab: lab-quick and its answer, then the whole study and its report
# make test       set up .venv, then linter, formatter, type checker, import rules and the fast tests
# make test-slow  the tests that need longer: kill and resume, servers, simulations
# make format     format the code and mend what the linter can
# Another interpreter: make PYTHON=/path/to/python3.12 lab
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv/bin

.PHONY: lab test test-slow format setup

lab: setup
	@$(VENV)/python -m beneficent lab

test: setup
	$(VENV)/python -m ruff check .
	$(VENV)/python -m ruff format --check .
	$(VENV)/python -m mypy
	$(VENV)/lint-imports --no-cache
	OMP_NUM_THREADS=1 $(VENV)/python -m pytest -n $(WORKERS)

test-slow: setup
	$(VENV)/python -m pytest -m slow

format: setup
	$(VENV)/python -m ruff check --fix .
	$(VENV)/python -m ruff format .

setup:
	@command -v $(PYTHON) >/dev/null || { echo "set-up: no '$(PYTHON)' on the PATH; Python 3.11 or newer is needed (another one: make PYTHON=/path/to/python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) tools/setup.py
