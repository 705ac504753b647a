# `make ablation` and `make test` are all a newcomer needs: each first makes the environment in .venv
# where it is missing or older than requirements.lock. `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
UV_PIP := $(BIN)/uv pip
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC's own is a folder that everybody may write to, and what it keeps there is read as pickle (SECURITY.md)
export DVC_SITE_CACHE_DIR ?= $(CURDIR)/.dvc/tmp/site

.PHONY: help ablation test campaign studio workstation pull environment lint format docs prose lock upgrade clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z.]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

ablation: $(INSTALLED) ## train, score and tabulate the ablation: results/tables/ablation.md
	snakemake --cores all results/tables/ablation.md

test: $(INSTALLED) ## run the tests, the whole workflow in miniature included
	pytest

MINUTES ?= 50
SEED ?= 0

campaign: $(INSTALLED) ## try damaged inputs, kills and failing disks for 50 minutes; or MINUTES=10, and from case SEED=1000 on
	pytest tests/campaign -m campaign --dist=loadgroup --campaign-minutes=$(MINUTES) --campaign-seed=$(SEED)

studio: $(INSTALLED) ## edit images in the browser
	spatialgan studio

workstation: $(INSTALLED) ## the ablation at a larger budget, several seeds: results/workstation/
	snakemake --cores all results/workstation/tables/ablation.md

pull: $(INSTALLED) ## get data sets, weights and segmenters from DVC's remote, and check their bytes
	@test -e .git || grep -qs no_scm .dvc/config.local || { echo "this is no git checkout, which DVC must be told: \
	$(BIN)/dvc config --local core.no_scm true" >&2; exit 1; }
	dvc pull --allow-missing
	spatialgan verify

environment: $(INSTALLED) ## make .venv and nothing else

lint: $(INSTALLED) ## check style, formatting, the direction of imports, and types: the hooks of pre-commit
	pre-commit run --all-files --show-diff-on-failure

format: $(INSTALLED) ## format the code
	ruff check --fix spatialgan tests benchmarks workflow
	ruff format spatialgan tests benchmarks workflow
	snakefmt Snakefile workflow

docs: $(INSTALLED) ## build the documentation, with the API reference and the demo, in site/
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict
	python -m workflow.demo site/demo

prose: $(INSTALLED) ## update the numbers in README.md and docs/ from the results that they name
	python -m workflow.prose

lock: $(INSTALLED) ## resolve pyproject.toml into requirements.lock, keeping the versions that still fit
	$(UV_PIP) compile pyproject.toml $(UPGRADE) --quiet --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" --output-file requirements.lock

upgrade: UPGRADE := --upgrade
upgrade: lock ## the same with the newest releases that pyproject.toml allows

clean: ## remove the environment and caches, never results
	rm -rf .venv .pytest_cache .ruff_cache site
	find spatialgan tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is removed first and written last, so that an interrupted installation is made anew. The
# lock pins uv itself, the one package that pip installs; uv then installs exactly what the lock says.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=/path/to/it" if sys.version_info < (3, 11) else 0)'
	@test -e $@ || $(PYTHON) -m venv --clear .venv
	@rm -f $@
	@test -x $(BIN)/uv || sed -n '/^uv==/,/[^\\]$$/p' requirements.lock \
		| $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r /dev/stdin
	$(UV_PIP) sync --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(UV_PIP) install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@
