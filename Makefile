# Everything happens in .venv, which `make setup` builds from requirements.lock; remove it to begin anew.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo notebook quick test test-long test-services test-slow growing lint docs lock clean

help:
	@echo "make demo           set up, compare a GAN, a flow and a transformer of the zoo, and study the GAN"
	@echo "make notebook       open notebooks/demo.ipynb in JupyterLab"
	@echo "make quick          formulas, store, words and the rules of the house"
	@echo "make test           set up, run the tests"
	@echo "make test-long      tests of trained models and beside other tools, seconds each"
	@echo "make test-services  tests that start servers and a browser"
	@echo "make test-slow      tests that take minutes"
	@echo "make growing        also install Dask, Ray, S3, PostgreSQL's client, UMAP and JupyterLab, whose tests skip without them"
	@echo "make lint           ruff, mypy, import-linter, spelling"
	@echo "make docs           the documents as a site for reading without a network, site/index.html"
	@echo "make lock           pin the newest versions that pyproject.toml allows"

setup: .venv/ready

# uv installs torch and everything else in about a minute; pip alone would take several. It goes into a
# folder of its own (--target), which works without the venv module and on managed system Pythons alike.
# Bytecode is made here, once: where Python does not write it (PYTHONDONTWRITEBYTECODE), every command would take
# 20 s longer.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ganbench needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@test -x .uv/bin/uv || $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .uv uv
	@test -x $(BIN)/python || .uv/bin/uv venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@echo "Installing from requirements.lock (about 6 GB, most of it torch) ..."
	@VIRTUAL_ENV=$(CURDIR)/.venv UV_COMPILE_BYTECODE_TIMEOUT=0 .uv/bin/uv pip sync --quiet --compile-bytecode requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv .uv/bin/uv pip install --quiet --no-deps -e .
	@touch .venv/ready

demo: setup
	@$(BIN)/ganbench compare zoo:dcgan-fashion-mnist zoo:flow-fashion-mnist zoo:gpt-fashion-mnist --report report
	@$(BIN)/ganbench study zoo:dcgan-fashion-mnist --data fashion-mnist:test --budget 10m --out study \
		--without baselines,augment,audit,specialise

# Beside what is locked, and without changing it.
notebook: setup
	@VIRTUAL_ENV=$(CURDIR)/.venv .uv/bin/uv pip install --quiet --constraint requirements.lock -e ".[notebook]"
	$(BIN)/jupyter lab notebooks/demo.ipynb

# The largest file first.  Left out: error bars by simulation, half a minute of it.
QUICK := $(addprefix tests/gan/test_,$(addsuffix .py,lacking sources store statistics philox compare uncertainty tables \
	words types)) tests/gan/metrics --ignore tests/gan/metrics/test_coverage.py tests/test_house.py tests/test_question.py

quick: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not services and not long and not slow" $(QUICK)

# Two processes of one thread each, a file of tests at a time; small files come last, so that both end together.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not services and not long and not slow"

test-long: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m long

SERVICES ?= tests/services

# They wait more than they compute: the kills beside the servers and the browser.
test-services: setup
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m services $(SERVICES)

# Beside what is locked, and without changing it.
growing: setup
	VIRTUAL_ENV=$(CURDIR)/.venv .uv/bin/uv pip install --quiet --constraint requirements.lock \
		-e ".[dask,ray,s3,postgres,umap,notebook]" "moto[server]>=5"

test-slow: setup
	$(BIN)/pytest -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell

# Warnings are errors: a link that leads nowhere stops it.
docs: setup
	$(BIN)/sphinx-build -c docs -d build/doctrees -b html -W --keep-going -q . site
	@echo "site/index.html"

lock: setup
	.uv/bin/uv pip compile pyproject.toml --group dev --group docs --universal --python-version 3.11 --upgrade \
		--no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv .uv
