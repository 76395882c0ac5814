# On a fresh machine, `make census` and `make test` install what they need and run.
SOURCE ?= specimen
OUT    ?= data/snapshots
WITH   ?=
GAPS   ?= stop
DRY_RUN ?=
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CENSUS := $(BIN)/peft-census
# What is installed for the census, the tests and the checks is compared with the hashes in requirements/ (make lock).
# Without --no-compile the installation takes twice as long. Python compiles the modules that are used.
PIP     := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
INSTALL := $(PIP) -c constraints.txt
SPREAD := --numprocesses auto --maxprocesses 4 --dist worksteal

# A misspelt variable is an error; otherwise make would ignore it and run the bundled cards.
KNOWN  := SOURCE OUT WITH GAPS DRY_RUN ARGS PYTHON VENV RUN TEXT SECONDS_EACH HOSTILE_SEED
GIVEN  := $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v))
$(if $(filter-out $(KNOWN),$(GIVEN)),$(error no variable $(filter-out $(KNOWN),$(GIVEN)); there are $(KNOWN)))

.DEFAULT_GOAL := help
.PHONY: help install setup census changes test campaigns check audit lock docs site shipped gold bench bench-full fuzz hostile replica notebooks conformance clean

help: ## Show these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'
	@echo
	@echo "  make census SOURCE=cards.parquet      a Parquet file, folder or glob of your own"
	@echo "  make census SOURCE=cards OUT=folder   snapshots to another folder"
	@echo "  make census WITH='github civitai'     also read these data sources"
	@echo "  make census ARGS='--jobs 1'           any option of peft-census census"
	@echo "  make census SOURCE=hub DRY_RUN=1      print what it would cost; read no card"
	@echo "  make census GAPS=publish              succeed even if the census finished with gaps"

install: $(VENV)/runtime ## Create .venv and install what the census needs, in the versions of constraints.txt

setup: $(VENV)/test $(VENV)/check ## Also install what the tests and the checks need

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "peft_census needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: pyproject.toml requirements/census.txt | $(VENV)/bin/python
	@echo "installing the packages of the census into $(VENV)" >&2
	@$(PIP) --require-hashes -r requirements/census.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test: $(VENV)/runtime requirements/dev.txt
	@echo "installing the packages of the tests and checks into $(VENV)" >&2
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/check: $(VENV)/test
	@touch $@

census: $(VENV)/runtime ## Run all stages on SOURCE (default: the bundled made-up cards)
	$(CENSUS) census --source '$(SOURCE)' --out '$(OUT)' $(if $(WITH),--with '$(WITH)') $(if $(DRY_RUN),--dry-run) $(ARGS) $(if $(filter publish,$(GAPS)),|| test $$? -eq 3)

changes: $(VENV)/runtime ## Write the public copy of the snapshot of RUN=census.json, and what changed to TEXT=file
	@$(BIN)/python scripts/changes.py '$(RUN)' --snapshots '$(OUT)' --text '$(TEXT)'

test: $(VENV)/test ## Run the tests
	$(BIN)/python -m pytest -q $(SPREAD)

campaigns: $(VENV)/test ## Run the short form of the tests with repeated crashes, faults and whole processes
	$(BIN)/python -m pytest -q $(SPREAD) -m campaign

check: $(VENV)/check ## Check format, lint, types and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	PATH="$(BIN):$$PATH" $(BIN)/python scripts/check_shell.py .github/workflows/*.yml
	$(BIN)/zizmor --offline --no-progress --quiet .github/workflows

audit: $(VENV)/runtime ## Check the pinned versions for known vulnerabilities (needs the internet)
	$(INSTALL) -e '.[audit]'
	$(BIN)/pip-audit --disable-pip --no-deps --progress-spinner off --requirement constraints.txt

lock: $(VENV)/bin/python ## Write requirements/ from constraints.txt, with the hashes for all platforms (needs the internet)
	@$(PIP) uv
	@for set in census: 'dev:--extra test --extra check'; do \
	  printf 'hatchling\neditables\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11.5 --generate-hashes \
	    $${set#*:} --no-header --no-annotate --no-emit-index-url -c constraints.txt -o requirements/$${set%%:*}.txt pyproject.toml -; \
	done

docs: $(VENV)/test ## Write the generated pages of docs/
	$(BIN)/python docs/generate.py

site: $(VENV)/runtime ## Build the docs as a site in build/site; any broken link is an error
	@$(INSTALL) -e '.[site]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

shipped: $(VENV)/test ## Make the bundled snapshot of real cards again (needs ../shared/real)
	$(BIN)/python scripts/ship_snapshot.py
	$(BIN)/python -m scripts.render_notebooks

gold: $(VENV)/runtime ## Score the tagger on the gold sets and record the scores
	@for labels in data/gold/written.jsonl data/specimen/cards.jsonl data/gold/frames.jsonl; do $(CENSUS) gold $$labels --record data/gold/scores.json | head -6; done
	@if [ -f ../shared/gold/dev.jsonl.gz ]; then for set in real:dev held_out:dev2; do \
	  $(CENSUS) gold data/gold/$${set%:*}.jsonl --texts ../shared/gold/$${set#*:}.jsonl.gz --record data/gold/scores.json | head -6; done; fi
	@$(BIN)/python docs/generate.py

bench: $(VENV)/test ## Compare the tagger with simpler methods, as ratios within one run
	$(INSTALL) -e '.[bench]'
	$(BIN)/python -m benchmarks.tagging
	$(BIN)/python -m benchmarks.hub_listing
	$(BIN)/python -m benchmarks.counting
	$(BIN)/python -m benchmarks.coverage_of_intervals

hostile: $(VENV)/test ## Run all tests of crashes, full disks and malformed input (8 to 15 minutes; HOSTILE_SEED=n for another seed)
	HOSTILE=full $(BIN)/python -m pytest -q --numprocesses 3 --dist worksteal -m 'not slow' tests/hostile

bench-full: $(VENV)/test ## Tag as many cards as the public dump has (30 minutes)
	$(INSTALL) -e '.[bench]'
	$(BIN)/python -m benchmarks.tagging --full

fuzz: $(VENV)/test ## Fuzz each parser of untrusted text for SECONDS_EACH seconds (needs atheris)
	$(INSTALL) -e '.[fuzz]'
	@for target in front_matter zones names card config imports listing github civitai; do \
	  $(BIN)/python -m tests.hostile.fuzz $$target $(or $(SECONDS_EACH),60) 2>&1 | grep -E "ERROR|number_of_executed_units|written to" | sed "s/^/$$target: /"; \
	done

replica: $(VENV)/test ## Serve a replica of the Hub on this machine (ARGS='--models 2000 --faults')
	$(BIN)/python -m tests.replica.hub $(ARGS)

notebooks: $(VENV)/test ## Run the notebooks on the bundled snapshot and write the pages docs/notebooks/
	$(BIN)/python -m scripts.render_notebooks

conformance: $(VENV)/test ## Compare the GitHub replica with GitHub's schema (needs Node and 500 MB)
	$(BIN)/python tests/replica/conformance.py .conformance

clean: ## Remove .venv and caches; snapshots stay
	rm -rf $(VENV) .conformance .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
