# Two commands do everything on a fresh machine: `make census` and `make test`.
SOURCE ?= specimen
OUT    ?= data/snapshots
WITH   ?=
GAPS   ?= stop
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CENSUS := $(BIN)/peft-census
SPREAD := --numprocesses auto --maxprocesses 4 --dist worksteal

# A slip in a variable's name would otherwise run something else without a word.
KNOWN  := SOURCE OUT WITH GAPS ARGS PYTHON VENV RUN TEXT SECONDS_EACH HOSTILE_SEED
GIVEN  := $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v))
$(if $(filter-out $(KNOWN),$(GIVEN)),$(error no variable $(filter-out $(KNOWN),$(GIVEN)); there are $(KNOWN)))

.DEFAULT_GOAL := help
.PHONY: help setup census changes test check audit docs gold bench bench-full fuzz hostile replica notebooks conformance clean

help: ## Show these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'
	@echo
	@echo "  make census SOURCE=cards.parquet      a Parquet file, folder or glob of your own"
	@echo "  make census SOURCE=cards OUT=folder   snapshots to another folder"
	@echo "  make census WITH='github civitai'     and what stands beside the cards"
	@echo "  make census ARGS='--jobs 1'           any option of peft-census census"
	@echo "  make census GAPS=publish              no error for a census that finished with gaps"

setup: $(VENV)/installed ## Create .venv with the pinned versions of constraints.txt

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "peft_census needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV), once; this takes some minutes" >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,check]'
	@touch $@

census: $(VENV)/installed ## Run all stages on SOURCE (default: the bundled specimen)
	$(CENSUS) census --source '$(SOURCE)' --out '$(OUT)' $(if $(WITH),--with '$(WITH)') $(ARGS) $(if $(filter publish,$(GAPS)),|| test $$? -eq 3)

changes: $(VENV)/installed ## Make the public copy of the snapshot of RUN=census.json and tell what changed in TEXT=file
	@$(BIN)/python scripts/changes.py '$(RUN)' --snapshots '$(OUT)' --text '$(TEXT)'

test: $(VENV)/installed ## Run the tests
	$(BIN)/python -m pytest -q $(SPREAD)

check: $(VENV)/installed ## Lint, format check, strict types, workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	PATH="$(BIN):$$PATH" $(BIN)/python scripts/check_shell.py .github/workflows/*.yml
	$(BIN)/zizmor --offline --no-progress --quiet .github/workflows

audit: $(VENV)/installed ## Look every pinned version up for known holes (needs the internet, so no part of check)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[audit]'
	$(BIN)/pip-audit --disable-pip --no-deps --progress-spinner off --requirement constraints.txt

docs: $(VENV)/installed ## Write the generated pages of docs/
	$(BIN)/python docs/generate.py

gold: $(VENV)/installed ## Score the tagger on every gold set and keep the figures of record
	@for labels in data/gold/written.jsonl data/specimen/cards.jsonl; do $(CENSUS) gold $$labels --record data/gold/scores.json | head -6; done
	@if [ -f ../shared/gold/dev.jsonl.gz ]; then $(CENSUS) gold data/gold/real.jsonl --texts ../shared/gold/dev.jsonl.gz --record data/gold/scores.json | head -6; fi
	@$(BIN)/python docs/generate.py

bench: $(VENV)/installed ## Compare the tagger with what one would otherwise do, as ratios in one run
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.tagging
	$(BIN)/python -m benchmarks.hub_listing
	$(BIN)/python -m benchmarks.counting
	$(BIN)/python -m benchmarks.coverage_of_intervals

hostile: $(VENV)/installed ## Crash, starve, misfeed: the whole campaign (8 to 15 minutes; HOSTILE_SEED=n for another)
	HOSTILE=full $(BIN)/python -m pytest -q --numprocesses 3 --dist worksteal tests/hostile

bench-full: $(VENV)/installed ## Tagging as many cards as the public dump has, and what only shows at that size (half an hour)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.tagging --full

fuzz: $(VENV)/installed ## Fuzz every reader of outside text, SECONDS_EACH seconds each (needs atheris)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@for target in front_matter zones names card config imports listing github civitai; do \
	  $(BIN)/python -m tests.hostile.fuzz $$target $(or $(SECONDS_EACH),60) 2>&1 | grep -E "ERROR|number_of_executed_units|written to" | sed "s/^/$$target: /"; \
	done

replica: $(VENV)/installed ## Serve a replica of the Hub on loopback for hand use (ARGS='--models 2000 --faults')
	$(BIN)/python -m tests.replica.hub $(ARGS)

notebooks: $(VENV)/installed ## Run the notebooks on the newest snapshot (output is not kept)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks]'
	$(CENSUS) census --quiet
	$(BIN)/jupyter-nbconvert --to notebook --execute --stdout notebooks/*.ipynb > /dev/null

conformance: $(VENV)/installed ## Check the GitHub replica against GitHub's schema (needs Node and 500 MB; not in CI)
	$(BIN)/python tests/replica/conformance.py .conformance

clean: ## Remove .venv and caches; snapshots stay
	rm -rf $(VENV) .conformance .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
