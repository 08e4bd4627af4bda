# `make run` and `make test` need nothing but Python 3.11, 3.12 or 3.13: the first call makes the environment.
VENV ?= .venv
ENV ?= base
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install run smoke study test test-all lint format params stages viz bench docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(STAMP)  ## make the environment (the other targets do so when they need it)

$(STAMP): pyproject.toml constraints.txt
	@set -e; if [ ! -x $(BIN)/python ]; then \
	  for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	    if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then echo "lowland needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python3.12" >&2; exit 1; fi; \
	  $$found -m venv $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dask,test,dev]'
	@touch $@

run: $(STAMP)  ## the whole study, on every core
	$(BIN)/kedro run

smoke: $(STAMP)  ## the same on the smallest grid, in seconds
	$(BIN)/kedro run --env smoke

study: $(STAMP)  ## an environment for a table of yours: make study NAME=turbines TABLE=path.csv TARGET=column
	@$(BIN)/python -m scripts.new_study --name "$(NAME)" --table "$(TABLE)" --target "$(TARGET)"

test: lint  ## lint, type check and the tests that do not start whole programs
	$(BIN)/python -m pytest --numprocesses auto --no-loadscope-reorder -m "not slow"

test-all: lint  ## lint, type check and all tests, as CI does
	$(BIN)/python -m pytest --numprocesses auto --no-loadscope-reorder

lint: $(STAMP)  ## lint and type check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

params: $(STAMP)  ## write params.yaml, which DVC reads: make params ENV=smoke
	$(BIN)/python scripts/write_params.py --env $(ENV)

stages: $(STAMP)  ## write conf/base/catalog.yml and dvc.yaml from the declared stages
	$(BIN)/python -m scripts.write_stages

viz: $(STAMP)  ## look at the pipeline in the browser: make viz ENV=smoke
	$(BIN)/kedro viz run --include-hooks --env $(ENV)

bench: $(STAMP)  ## seconds and memory per stage, all cores against one
	$(BIN)/python benchmarks/speed.py

docs: $(STAMP)  ## pages of every function, from the docstrings: site/lowland.html
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/python -m pdoc --docformat google --math --output-directory site lowland '!lowland.__main__' '!lowland.settings'

clean:  ## remove the environment and the caches; results stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
