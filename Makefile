# make run        derains the built-in demo camera     make test   runs every test
# make test-fast  runs the quick tests                 make lint   style, types, layers
# make test-neuromorphic  installs simulators of spiking networks and runs networks on them
# make bench      compares with its peers              make fuzz   damages files for long
# make docs       writes the site of the documents into site/
# make release    builds and checks what is published, and lists its components
# make licences   writes docs/licences.md
# make clean      removes what make made

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test test-fast test-neuromorphic fuzz lint format bench docs release licences clean

run: $(VENV)/.base
	$(BIN)/spikerain-edge run --camera demo --output demo_derained.mp4 --side-by-side

test: $(VENV)/.test $(VENV)/.cyclonedx $(VENV)/spikingjelly2
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Two processes of one thread are faster than one of two. The slow tests start programs of many
# processes, such as Ray, which need the cores.
test-fast: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile \
		-m "not slow and not neuromorphic" $(PYTEST_ARGS)

test-neuromorphic: $(VENV)/.neuromorphic $(VENV)/.brian2 $(VENV)/spikingjelly2
	$(BIN)/python -m pytest -m neuromorphic tests/neuromorphic tests/export $(PYTEST_ARGS)

fuzz: $(VENV)/.test
	SPIKERAIN_FUZZ=20 $(BIN)/python -X faulthandler -m pytest tests/fuzz $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Strict: a broken link ends it. Never with --quiet, which hides failures.
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(VENV)/.test $(VENV)/spikingjelly2
	$(BIN)/python benchmarks/peers.py --spikingjelly2 $(VENV)/spikingjelly2
	$(BIN)/python benchmarks/peers.py --spikingjelly2 $(VENV)/spikingjelly2 --variant nano
	$(BIN)/python benchmarks/unrolled_vs_spikingjelly.py

# The components are those of an environment that has nothing but the wheel.
release: $(VENV)/.test $(VENV)/.cyclonedx
	rm -rf dist build
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv --without-pip build/.environment
	$(PIP) --python build/.environment/bin/python install --quiet dist/*.whl
	$(VENV)/cyclonedx/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.cdx.json build/.environment/bin/python

licences: $(VENV)/.test
	$(BIN)/python deploy/release/licences.py > docs/licences.md.part
	mv docs/licences.md.part docs/licences.md

# A second SpikingJelly has a folder of its own; torch and NumPy are those of the environment.
$(VENV)/spikingjelly2: | $(VENV)/.test
	$(PIP) install --quiet --no-deps --target $@ spikingjelly==2.0.0 loguru

# norse declares torchvision, but its neurons never import it. --no-deps leaves it out.
$(VENV)/.neuromorphic: pyproject.toml constraints.txt | $(VENV)/.test
	$(PIP) install --quiet --constraint constraints.txt --editable '.[neuromorphic]' nirtorch snntorch
	$(PIP) install --quiet --no-deps norse==1.1.0
	touch $@

# Brian2 2.9 does not run with NumPy 2.4: it has an environment of its own.
$(VENV)/.brian2: | $(VENV)/bin/python
	$(PYTHON) -m venv --clear $(VENV)/brian2
	$(VENV)/brian2/bin/python -m pip --disable-pip-version-check install --quiet brian2==2.9.0 'numpy<2.4'
	touch $@

# cyclonedx-bom installs a parser that makes every import of jsonschema, and so each of Ray's six
# processes, two seconds slower. It has an environment of its own.
$(VENV)/.cyclonedx: | $(VENV)/bin/python
	$(PYTHON) -m venv --clear $(VENV)/cyclonedx
	$(VENV)/cyclonedx/bin/python -m pip --disable-pip-version-check install --quiet 'cyclonedx-bom>=7'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build site \
		demo_derained.mp4

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14) and "spikerain-edge needs Python 3.10 to 3.13: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

# SpikingJelly declares torchvision, which its neurons never import and which would pull in
# another build of torch: the oracle is installed without what it declares.
$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	$(PIP) install --quiet --no-deps spikingjelly==0.0.0.0.14
	touch $@ $(VENV)/.base
