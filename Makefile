# Everything starts here: `make run` to talk, `make test` to prove it. Progress goes to stderr, so that
# `make -s run` prints the conversation and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCKS := deploy/requirements
KEEP_MEMORY := glibc.malloc.hugetlb=1:glibc.malloc.trim_threshold=17179869184:glibc.malloc.mmap_threshold=33554432
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps

.DEFAULT_GOAL := help
.PHONY: help run test lint check train load sbom lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/run.stamp ## talk to the bot here, or serve Telegram if MALBEOT_TELEGRAM_TOKEN is set
	@exec $(BIN)/python -m bot all

# Files side by side, each whole in one process: their tests may share a server.
test: $(VENV)/dev.stamp ## run the tests
	@$(BIN)/python -m pytest -q -n auto --dist loadfile

lint: $(VENV)/dev.stamp ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## all that must pass: lint and test

load: $(VENV)/dev.stamp ## push 5,000 messages from 500 chats through the whole service
	@$(BIN)/python -m tests.benchmarks.load

# PUBLIC names a folder of public sets, TEXT a file of plain sentences. The memory that a step gives back is wanted again
# by the next one: glibc is told to keep it, in large pages, which makes a step a sixth faster.
train: export GLIBC_TUNABLES ?= $(KEEP_MEMORY)
train: $(VENV)/training.stamp ## train a checkpoint of your own into runs/latest
	@exec $(BIN)/python -m training train --out runs/latest \
		$(if $(PUBLIC),--public $(PUBLIC)) $(if $(TEXT),--text $(TEXT))

sbom: $(VENV)/dev.stamp ## list what each image is made of, with hashes (CycloneDX), into dist
	@mkdir -p dist
	@for image in gateway worker training; do \
		$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --validate \
			-o dist/sbom-$$image.json $(LOCKS)/$$image.txt || exit 1; echo dist/sbom-$$image.json; done

lock: ## resolve the dependencies anew (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	uv pip compile $(LOCK_OPTIONS) --extra dev pyproject.toml -o $(LOCKS)/dev.txt
	uv pip compile $(LOCK_OPTIONS) -c $(LOCKS)/dev.txt --extra gateway pyproject.toml -o $(LOCKS)/gateway.txt
	uv pip compile $(LOCK_OPTIONS) -c $(LOCKS)/dev.txt --extra worker pyproject.toml -o $(LOCKS)/worker.txt
	uv pip compile $(LOCK_OPTIONS) -c $(LOCKS)/dev.txt --extra gateway --extra worker --extra embedded pyproject.toml -o $(LOCKS)/run.txt
	uv pip compile $(LOCK_OPTIONS) -c $(LOCKS)/dev.txt --extra training pyproject.toml -o $(LOCKS)/training.txt

# Hashes of every platform's wheels; no index address, so that an operator's own mirror serves as well.
LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command 'make lock'

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# A stamp is newer than its lock: nothing is installed twice. `dev` holds what `run` and `training` hold.
$(VENV)/run.stamp $(VENV)/training.stamp: $(VENV)/%.stamp: $(LOCKS)/%.txt | $(BIN)/python
	@echo 'Installing what `make $*` needs (once) …' >&2
	@$(PIP_INSTALL) -r $< </dev/null >&2
	@touch $@

$(VENV)/dev.stamp: $(LOCKS)/dev.txt | $(BIN)/python
	@echo 'Installing what the tests need, TensorFlow among it (once) …' >&2
	@$(PIP_INSTALL) -r $< </dev/null >&2
	@touch $@ $(VENV)/run.stamp $(VENV)/training.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo 'malbeot needs Python 3.11, 3.12 or 3.13. Name one: make PYTHON=python3.12 …' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'Python lacks its venv module. On Debian and Ubuntu: sudo apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) </dev/null >&2
