# Commands for users and CI; `make help` lists them.
PYTHON ?= python3
PLATFORM ?= kubernetes
NODE ?= simulated
PORT ?= 8443
UNIT_TESTS := tests/unit tests/conformance/test_plan.py
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/cryostat_operator/__init__.py)
IMAGE ?= quay.io/cryostat/cryostat-operator:$(VERSION)
IMAGE_BUILD ?= podman build --platform linux/amd64,linux/arm64 --manifest
VENV := .venv
BIN := $(VENV)/bin

# Without bytecode, each process of the tests and each operator that they start compiles all its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv run unit test lint generate release-check upstream lock bench image form picture clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.installed ## create .venv with the locked dependencies and the command cryostat-operator

run: venv ## start an embedded cluster (or use KUBECONFIG), the operator and a sample; PLATFORM=openshift, NODE=real
	$(if $(filter $(NODE),simulated real),,$(error NODE is "$(NODE)": use NODE=real or NODE=simulated))
	$(if $(filter real-openshift,$(NODE)-$(PLATFORM)),$(error PLATFORM=openshift needs simulated pods: omit NODE=real))
ifeq ($(NODE),real)
	@$(BIN)/python -m tests.node.demo --port $(PORT)
else
	@$(BIN)/python -m tests.cluster.demo --platform $(PLATFORM)
endif

# Tests on a cluster wait for half of their time, so they use more processes than the two processors of CI.
test: WORKERS ?= 5
test: venv ## run everything that CI checks; COVERAGE=yes also measures branch coverage
	@WORKERS=$(WORKERS) PYTEST_ARGS="$(PYTEST_ARGS)" COVERAGE=$(COVERAGE) .ci/test

unit: WORKERS ?= 2
unit: venv ## run the tests of single modules: no other program, no network; COVERAGE=yes also measures branch coverage
ifdef COVERAGE
	@rm -f .coverage .coverage.*
	PYTHONPATH=$(CURDIR) $(BIN)/coverage run -m pytest -n $(WORKERS) $(UNIT_TESTS)
	.ci/coverage
else
	$(BIN)/pytest -n $(WORKERS) $(UNIT_TESTS)
endif

lint: venv ## check style, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

generate: venv ## write the generated files: crds/, bundle/, and parts of manifests/ and overlays/
	$(BIN)/cryostat-operator generate

release-check: venv ## list what is missing before this commit can be released
	$(BIN)/python -m tests.docs.release_check

upstream: venv ## compare fields, variables, images and requests with sources of Cryostat: OPERATOR= APPLICATION= AGENT= CHART=
	@$(BIN)/python -m tests.upstream --operator "$(OPERATOR)" --application "$(APPLICATION)" --agent "$(AGENT)" --chart "$(CHART)"

lock: ## resolve the dependencies of pyproject.toml again; LOCK_ARGS=--upgrade selects newer versions
	.ci/lock $(PYTHON) $(LOCK_ARGS)

bench: venv ## measure requests, times and memory on the embedded cluster
	$(BIN)/python -m tests.bench

form: venv ## serve the form of the OpenShift console; needs Node 20
	@$(BIN)/python -m tests.console

picture: venv ## update the pictures in docs/images; needs Chromium
	@$(BIN)/python -m tests.console --picture docs/images/console-form.png
	@$(BIN)/python -m tests.cluster.picture docs/images

image: ## build the container image for amd64 and arm64; IMAGE= is its name, IMAGE_BUILD= the command (docs/release.md)
	$(IMAGE_BUILD) $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) .

clean: ## remove .venv and caches (the built control plane stays in ~/.cache/cryostat-operator)
	rm -rf $(VENV) tests/console/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage* build dist operator/*.egg-info

$(VENV)/.installed: requirements-dev.lock pyproject.toml .ci/venv
	@.ci/venv $(PYTHON) $(VENV)
	@touch $@
