# Posterity: `make` alone lists targets and variables.

## Model to run: an installed name, or path/file.py:Class
MODEL ?= flights
## Day up to which outcomes are known
AS_OF ?= 2013-03-31
## Raw data, a path or URL; empty: the model's own source
SOURCE ?=
## First month end of demo
FROM ?= 2013-02-28
## Last month end of demo
TO ?= 2013-11-30
## Folders of benchmarks/ that bench runs; all of them, if not given
BENCHMARKS ?= $(notdir $(patsubst %/__main__.py,%,$(wildcard benchmarks/*/__main__.py)))
## For submit: pods that share the chains, or auto
SHARDS ?= auto
## Context of the kubeconfig for all that concerns a cluster; empty: the kind cluster CLUSTER
CONTEXT ?=
## Name of the kind cluster
CLUSTER ?= posterity
## Folder of manifests/overlays that deploy applies: kind, production
OVERLAY ?= kind
## What cluster installs as Kubeflow Pipelines; empty: the cluster has it
PIPELINES ?= manifests/kubeflow
## Tag of the images that deploy asks for; empty: that of this checkout
TAG ?=
## Command that talks to the cluster
KUBECTL ?= kubectl
## Further arguments for posterity, pytest or the benchmarks
ARGS ?=
## Python, 3.11 or newer, that .venv is made with; empty: the first one found
PYTHON ?=
## Image that ours are built on
BASE ?= python:3.11-slim-bookworm
## What the names of images begin with, such as registry.example.org/posterity
REPOSITORY ?= posterity
## Folder of a package of models of yours, for images, load, tag and lock; empty: the bundled models alone
MODELS ?=
## Command that keeps images
DOCKER ?= docker
## Command that builds an image, with the options of docker build
BUILD ?= $(DOCKER) build
## Command that takes an image into the cluster
LOAD ?= kind load docker-image --name $(CLUSTER)
## For lock: --upgrade, or "--upgrade-package NAME"; empty: keep every pin that still fits
UPGRADE ?=

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --constraint requirements.lock --build-constraint requirements.lock
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate \
	--generate-hashes --no-emit-index-url --no-emit-find-links $(UPGRADE)
IMAGES = $(BIN)/python -m pipelines.images --base '$(BASE)' --repository '$(REPOSITORY)' --models '$(MODELS)' \
	--docker '$(DOCKER)' --build '$(BUILD)'
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
# Bytecode once, on all cores, instead of in each stage's process (many of them where writing it is switched off).
BYTECODE = $(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])') || :
IN_CLUSTER = KUBECTL='$(KUBECTL) --context $(or $(CONTEXT),kind-$(CLUSTER))'
CONNECTED = PATH="$(CURDIR)/$(BIN):$$PATH" POSTERITY_CONTEXT='$(or $(CONTEXT),kind-$(CLUSTER))' $(IN_CLUSTER) $(BIN)/python -m pipelines.cluster.connect
NEWEST_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo serve test lint format docs bench compile cluster images sizes load tag secrets deploy submit shell cluster-down lock install install-dev clean

help: ## List targets and variables
	@printf 'make TARGET [VARIABLE=value …]\n\nTargets\n'
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile
	@printf '\nVariables\n'
	@awk '/^## / {text = substr($$0, 4); next} text && / \?=/ {name = $$1; $$1 = $$2 = ""; gsub(/^ +/, ""); \
		printf "  %-12s %s%s\n", name, text, ($$0 == "" || /\$$/ ? "" : " [" $$0 "]")} {text = ""}' Makefile

run: $(RUNTIME) ## Run MODEL as of AS_OF, from raw data to a registered data product with a report
	@$(BIN)/posterity run $(MODEL) --as-of $(AS_OF) $(if $(SOURCE),--source $(SOURCE)) $(ARGS)

demo: $(RUNTIME) ## Replay the months FROM to TO of MODEL: predictions, what happened, drift, in one picture
	@$(BIN)/posterity demo $(MODEL) --from $(FROM) --to $(TO) $(if $(SOURCE),--source $(SOURCE)) $(ARGS)

serve: $(RUNTIME) ## Serve the products of the last runs at http://127.0.0.1:8080
	@$(BIN)/posterity serve $(ARGS)

test: lint ## Check the code and run all tests that need no cluster
	@$(BIN)/python -m pytest -m 'not cluster' -n logical --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(DEVELOPMENT) ## Check format, lint rules, types and the import contract
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(DEVELOPMENT) ## Put the code into the one format and mend what ruff can mend
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

docs: $(DEVELOPMENT) ## Write the reference pages in docs/ anew from the code
	@$(BIN)/python docs/generate.py

bench: $(DEVELOPMENT) ## Run BENCHMARKS, each of which prints a table
	@for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; done

compile: $(RUNTIME) ## Compile the pipelines to YAML for Kubeflow Pipelines
	@$(BIN)/posterity compile

cluster: $(RUNTIME) ## Make a kind cluster (or take CONTEXT) and install Kubeflow Pipelines on it
ifeq ($(CONTEXT),)
	@command -v kind >/dev/null || { echo 'kind is not installed; see https://kind.sigs.k8s.io, or give CONTEXT=' >&2; exit 1; }
	@kind get clusters 2>/dev/null | grep -qx '$(CLUSTER)' || kind create cluster --name '$(CLUSTER)' --config manifests/kind.yaml
endif
	@$(IN_CLUSTER) $(BIN)/python -m pipelines.cluster.install '$(OVERLAY)' $(PIPELINES)
	@echo 'Next: make images load deploy'

images: $(RUNTIME) ## Build the container images that are not there yet, with MODELS on top, and print their sizes
	@$(IMAGES) build

sizes: $(RUNTIME) ## Print the sizes of the images, on disk and compressed, as a node fetches them
	@$(IMAGES) measure

load: $(RUNTIME) ## Load the images into the cluster
	@$(IMAGES) load '$(LOAD)'

tag: $(RUNTIME) ## Print the tag of the images, a digest of what they are made from
	@$(IMAGES) tag

secrets: $(RUNTIME) ## Generate the credentials of OVERLAY in the cluster; those that are there stay
	@$(IN_CLUSTER) $(BIN)/python -m pipelines.cluster.secrets '$(OVERLAY)'
	@echo 'Next: make deploy'

deploy: $(RUNTIME) ## Apply OVERLAY with the images of TAG, credentials first, and wait until it stands
	@$(IN_CLUSTER) $(BIN)/python -m pipelines.cluster.secrets '$(OVERLAY)'
	@$(IN_CLUSTER) $(BIN)/python -m pipelines.cluster.deploy '$(OVERLAY)' "$(or $(TAG),$$($(IMAGES) tag))"
	@echo 'Next: make submit'

submit: $(RUNTIME) ## Run MODEL as of AS_OF on the cluster, its chains in SHARDS pods, and show it until it ends
	@tag="$(or $(TAG),$$($(IMAGES) tag))"; $(CONNECTED) $(BIN)/posterity submit $(MODEL) --as-of $(AS_OF) --shards $(SHARDS) \
		--image "$(REPOSITORY)/stage:$$tag" --sample-image "$(REPOSITORY)/sample:$$tag" $(if $(SOURCE),--source $(SOURCE)) $(ARGS)

shell: $(RUNTIME) ## Open a shell in which posterity looks at the cluster: posterity runs, logs, follow, versions
	@$(CONNECTED) $${SHELL:-sh}

cluster-down: ## Delete the kind cluster with all that is in it
	@[ -z '$(CONTEXT)' ] || { echo 'CONTEXT is not deleted by make, as there are data in it; kubectl --context $(CONTEXT)' \
		'delete namespace kubeflow posterity-staging posterity deletes everything' >&2; exit 1; }
	@kind delete cluster --name '$(CLUSTER)'
	@echo 'Next: make cluster'

lock: $(if $(MODELS),$(RUNTIME),$(UV)) ## Write requirements.lock anew from pyproject.toml, of the package in MODELS if given
	@$(if $(MODELS),$(IMAGES) lock,$(LOCK) pyproject.toml --output-file requirements.lock)

install: $(RUNTIME) ## Install what a run needs into .venv (run does this by itself)

install-dev: $(DEVELOPMENT) ## Install what tests and checks need as well (test does this by itself)

clean: ## Remove .venv, caches and build products; .posterity, with runs and results, stays
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The locked uv, with its hash, is the one thing that pip installs.
$(UV): requirements.lock
	@python='$(PYTHON)'; \
	for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
		[ -z "$$python" ] && $$candidate -c '$(NEWEST_ENOUGH)' 2>/dev/null && python=$$candidate; \
	done; \
	[ -n "$$python" ] || { echo 'Python 3.11 or newer is needed; install it, or name one with make PYTHON=…' >&2; exit 1; }; \
	echo "Setting up $(VENV) with $$($$python --version) …" >&2; \
	$$python -m venv $(VENV)
	@awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt
	@touch $@

$(RUNTIME): pyproject.toml requirements.lock $(UV)
	@echo 'Installing what a run needs into $(VENV), once …' >&2
	@$(INSTALL) --editable '.[stage,cluster,server]'
	@$(BYTECODE)
	@touch $@

$(DEVELOPMENT): pyproject.toml requirements.lock $(UV)
	@echo 'Installing what tests and checks need into $(VENV), once …' >&2
	@$(INSTALL) --editable '.[dev]'
	@$(BYTECODE)
	@touch $(RUNTIME) $@
