# What people and CI call. `make help` lists it.
PYTHON ?= python3
PLATFORM ?= kubernetes
WORKERS ?= 2
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/cryostat_operator/__init__.py)
IMAGE ?= quay.io/cryostat/cryostat-operator:$(VERSION)
IMAGE_BUILD ?= podman build --platform linux/amd64,linux/arm64 --manifest
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help venv run unit test lint generate release-check lock bench image form picture clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.installed ## .venv with the locked dependencies and the command cryostat-operator

run: venv ## a Cryostat from nothing to Ready on an embedded cluster, or on that of KUBECONFIG; PLATFORM=openshift
	@$(BIN)/python -m tests.cluster.demo --platform $(PLATFORM)

test: venv ## everything that CI checks; COVERAGE=yes measures branch coverage, too
	@WORKERS=$(WORKERS) PYTEST_ARGS="$(PYTEST_ARGS)" COVERAGE=$(COVERAGE) .ci/test

unit: venv ## tests of single modules: no other program, no network
	@rm -f .coverage .coverage.*
	PYTHONPATH=$(CURDIR) $(BIN)/coverage run -m pytest -n $(WORKERS) tests/unit tests/conformance/test_plan.py
	.ci/coverage unit

lint: venv ## style, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

generate: venv ## rewrite what is generated: crds/, bundle/ and parts of manifests/
	$(BIN)/cryostat-operator generate

release-check: venv ## list what is missing before this commit can be released
	$(BIN)/python -m tests.docs.release_check

lock: ## resolve the dependencies of pyproject.toml again; LOCK_ARGS=--upgrade takes newer versions
	.ci/lock $(PYTHON) $(LOCK_ARGS)

bench: venv ## measure the loop against the embedded cluster
	$(BIN)/python -m tests.bench

form: venv ## the form of the OpenShift console, served for a look at it; needs Node 20
	@$(BIN)/python -m tests.console

picture: venv ## take the pictures in docs/images again; needs Chromium
	@$(BIN)/python -m tests.console --picture docs/images/console-form.png
	@$(BIN)/python -m tests.cluster.picture docs/images/run.svg

image: ## the container image for amd64 and arm64; IMAGE= names it, IMAGE_BUILD= is the engine's command (docs/release.md)
	$(IMAGE_BUILD) $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) .

clean: ## remove .venv and caches (the built control plane stays in ~/.cache/cryostat-operator)
	rm -rf $(VENV) tests/console/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage* build dist operator/*.egg-info

$(VENV)/.installed: requirements-dev.lock pyproject.toml .ci/venv
	@.ci/venv $(PYTHON) $(VENV)
	@touch $@
