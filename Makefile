# Everything a developer does. `make` alone lists the targets.

PYTHON ?= python3
VENV ?= .venv
# Another wheel index for torch, e.g. TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
BIN = $(VENV)/bin
PIP = $(BIN)/pip --disable-pip-version-check install -qq -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
OUT ?= out/demo
# Pages of each kind for `make pages`
COUNT ?= 200
# Among how many processes the tests are shared out, each with one thread for its arithmetic
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo serve test setup peers fmt check bench load bench-scaling fuzz hearts crash image sbom explanations docs clean delineation pages

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

$(VENV)/.product: pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

$(VENV)/.developer: $(VENV)/.product
	@echo "Adding the developer's tools (once) ..."
	@$(PIP) -e ".[dev,training]"
	@touch $@

demo: $(VENV)/.product ## Read a real 12-lead DICOM ECG (pydicom's sample) and write its report to out/demo
	@$(BIN)/twelvelead read "$$($(BIN)/python -c 'from pydicom.data import get_testdata_file as f; print(f("waveform_ecg.dcm"))')" --out $(OUT)

serve: $(VENV)/.product ## Serve the HTTP API on http://127.0.0.1:8080/
	@$(BIN)/twelvelead serve

test: $(VENV)/.developer ## Run all tests, in TEST_PROCESSES processes (2)
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n $(TEST_PROCESSES)

setup: $(VENV)/.developer ## Set up the developer's environment

peers: $(VENV)/.developer ## Install the independent validators that some tests ask (into .peers/)
	@PYTHON=$(PYTHON) tests/peers/install.sh

fmt: $(VENV)/.developer ## Format the code
	@$(BIN)/ruff check --fix-only --quiet . && $(BIN)/ruff format .

check: $(VENV)/.developer deploy/.checked ## Format, lint, types, import contracts; image and chart where they have changed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

deploy/.checked: Dockerfile $(shell find deploy -type f -not -name .checked)
	@PYTHON=$(PYTHON) deploy/checks/install.sh
	@deploy/checks/check.sh
	@touch $@

image: $(VENV)/.developer ## Do what the Dockerfile does, step by step, without a container engine (root, Debian 12)
	@$(BIN)/python -m tests.deploy.rehearse_image

sbom: $(VENV)/.product ## Write the bill of materials of what is installed (CycloneDX) to out/sbom.json
	@PYTHON=$(PYTHON) deploy/checks/install.sh
	@mkdir -p out && .peers/cyclonedx/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible --output-file out/sbom.json
	@echo "out/sbom.json"

bench: $(VENV)/.developer ## Print milliseconds per stage and per reader, seconds per page, cold start and peak memory
	@$(BIN)/python -m benchmarks.pipeline
	@$(BIN)/python -m benchmarks.readers
	@$(BIN)/python -m benchmarks.models
	@$(BIN)/python -m benchmarks.pages.cost

bench-scaling: $(VENV)/.developer ## Print ECGs a second with 1, 2 and 4 worker processes, as ratios
	@$(BIN)/python -m benchmarks.scaling

load: $(VENV)/.developer ## Print ECGs taken per second beside Orthanc, ECGs delivered per second, p50 and p99 (root, Linux)
	@$(BIN)/python -m benchmarks.load

fuzz: $(VENV)/.developer ## Feed every reader many more broken payloads than the tests do
	@FUZZ_EXAMPLES=2500 $(BIN)/pytest -n $(TEST_PROCESSES) tests/conformance tests/unit/adapters/test_wfdb_hostile.py

hearts: $(VENV)/.developer ## Read the same ECGs as other programs write them, write docs/conformance/one-heart.md
	@$(BIN)/python -m tests.peers.hearts > out.md && mv out.md docs/conformance/one-heart.md

delineation: $(VENV)/.developer ## Hold the delineation against LUDB's cardiologists and NeuroKit2, write docs/measurements.md (CORPUS=PTBXL)
	@$(BIN)/python -m benchmarks.delineation $(if $(CORPUS),--corpus $(CORPUS)) > out.md && mv out.md docs/measurements.md

pages: $(VENV)/.developer ## Hold the scan door against pages that other programs drew, clean, scanned, photographed (COUNT=200 of each), write docs/digitising.md
	@$(BIN)/python -m benchmarks.pages all --count $(COUNT) > out.md && mv out.md docs/digitising.md

crash: $(VENV)/.developer ## Kill service and database 210 times under load, count, write docs/crash-matrix.md
	@$(BIN)/python -m tests.e2e.crash.matrix 7 docs/crash-matrix.md

explanations: $(VENV)/.developer ## Measure how far explanations can be trusted (CORPUS=PTB-XL), write docs/explanations.md
	@$(BIN)/python -m training explain --corpus $(CORPUS) --fold 9 --to docs/explanations.md

docs: $(VENV)/.developer ## Write the generated pages anew
	@$(BIN)/python -m tools.document_settings > docs/configuration.md
	@$(BIN)/python -m tools.document_models > docs/model-card.md
	@$(BIN)/python -m tools.document_abstentions > out.md && mv out.md docs/abstentions.md
	@$(BIN)/python -m tools.document_guards > out.md && mv out.md docs/guards.md
	@$(BIN)/python -m tools.document_chart > out.md && cp out.md deploy/helm/twelvelead/values.yaml && rm out.md
	@$(BIN)/python -m tools.document_metrics > out.md && mv out.md docs/operation.md
	@$(BIN)/python -m tools.document_dicom > docs/conformance/dicom.md
	@$(BIN)/python -m tools.document_fhir > docs/conformance/fhir.md
	@$(BIN)/python -m tools.document_formats > docs/conformance/formats.md
	@$(BIN)/python -m tools.document_codes > docs/conformance/codes.md

clean: ## Remove what was set up and made here
	rm -rf $(VENV) .peers out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
