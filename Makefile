.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-faults test-long lint types check clean lock words bench-choice bench-ingest bench-reasons bench-responder bench-scoring

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

# uv does not read pip's own setting for a package index.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 20

demo: setup ## See it at work: an invented company, its own folder and database (stop with Ctrl-C)
	@exec $(BIN)/eclaireur up --demo

test: setup ## Run every test, the browser's too
	@$(BIN)/pytest -m "not long" -n 2 --dist loadfile --no-loadscope-reorder

run: setup ## The same for real use: its own empty folder and database (stop with Ctrl-C)
	@exec $(BIN)/eclaireur up

setup: $(STAMP) ## Install what the lock file says into .venv

test-faults: setup ## Kill workers, brokers and whole installations in the middle of their work, and count
	@$(BIN)/pytest -m long -n 2 --dist loadfile tests/faults

test-long: setup ## Run the tests that take minutes, those included
	@$(BIN)/pytest -m long

lint: setup ## Check style and form
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## Check types
	@$(BIN)/mypy

check: lint types test ## Everything that a change must pass

bench-choice: setup ## Whether the model published is the one to publish, on leads it has not seen
	@$(BIN)/python -m bench.choice

bench-ingest: setup ## How fast events are taken, beside bare producers on the same broker
	@$(BIN)/python -m bench.ingest

bench-responder: setup ## How fast messages become drafts and passages are found, and what French costs
	@$(BIN)/python -m bench.responder

lock: setup ## Write the lock files again, with hashes, from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --upgrade --quiet --output-file requirements.lock
	@echo uv | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --upgrade --quiet --output-file requirements-setup.lock

words: setup ## Bring the French catalogue of the pages up to date (then fill what is empty in it, and again)
	@$(BIN)/pybabel -q extract -F services/console/babel.cfg --no-location --sort-output -o $(VENV)/words.pot services/console
	@$(BIN)/pybabel -q update -d services/console/locale -l fr -i $(VENV)/words.pot --no-fuzzy-matching \
		--ignore-obsolete --ignore-pot-creation-date --width 110
	@$(BIN)/pybabel -q compile -d services/console/locale

clean: ## Remove .venv and what tools leave; never data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis test-artefacts build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml requirements.lock requirements-setup.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Install one, then: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-setup.lock || { echo "$(NO_NETWORK)"; exit 1; }
	@echo "Installing packages, some minutes the first time"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --require-hashes requirements.lock || { echo "$(NO_NETWORK)"; exit 1; }
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

NO_NETWORK := The packages could not be installed. Is there a network, and does the package index answer? \
Behind a proxy set HTTPS_PROXY, with an index of your own set PIP_INDEX_URL; then run make setup again.

bench-reasons: setup ## How fast scores are explained, beside XGBoost's own contributions
	@$(BIN)/python -m bench.reasons

bench-scoring: setup ## How fast events become scores, beside only storing them
	@$(BIN)/python -m bench.scoring
