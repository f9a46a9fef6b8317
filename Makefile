# The tests, the checks and the demo. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
APP_READY := $(VENV)/.app-ready
VENV_READY := $(VENV)/.ready
NODE_READY := tests/support/node/node_modules/.ready
DEMO_READY := example_app/node_modules/.ready
LOWEST := .venv-lowest
LOWEST_READY := $(LOWEST)/.ready
BENCH_READY := $(VENV)/.bench-ready
DOCS_READY := $(VENV)/.docs-ready
SITE_READY := build/docs/.ready
SITE_SOURCES := $(wildcard *.md docs/*.* docs/*/*.* flask_sio_cors/*.py flask_sio_cors/*/*.py)
BENCH_NODE_READY := benchmarks/node/node_modules/.ready
# They start servers, browsers and other programs, and wait for them.
SLOW := tests/servers tests/browsers tests/doctor tests/migration tests/fleet
# Of what hypothesis thinks of, a quarter: `make test` has it all.
SIDE_BY_SIDE := -n 2 --dist worksteal --hypothesis-profile quick
# They read stderr by itself, which click's own test runner tells since 8.2 only.
CLICKS := tests/test_cli.py tests/advice tests/live/test_commands.py

# Hundreds of servers that the tests start would each compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

.PHONY: quick
quick: $(VENV_READY) ## Run the tests that start nothing and wait for nothing (ARGS="-k words" to choose)
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(SLOW:%=--ignore=%) $(ARGS)

# More processes than processors, since they often wait; file by file, as a file's tests share servers.
.PHONY: test
test: $(VENV_READY) $(NODE_READY) $(DEMO_READY) $(SITE_READY) ## Set up what all tests need, and run them (ARGS="-k words" to choose)
	$(VENV)/bin/python -m pytest -n 8 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: lowest
lowest: $(LOWEST_READY) $(NODE_READY) ## The quick tests, and a server's, with the lowest versions that pyproject.toml permits
	$(LOWEST)/bin/python -m pytest $(SIDE_BY_SIDE) -W ignore $(SLOW:%=--ignore=%) $(CLICKS:%=--ignore=%) $(ARGS)
	$(LOWEST)/bin/python -m pytest -W ignore tests/servers/test_guard.py $(ARGS)

.PHONY: check
check: $(VENV_READY) $(NODE_READY) ## Lint, formatting, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict flask_sio_cors example_app benchmarks
	tests/support/node/node_modules/.bin/pyright --pythonpath $(VENV)/bin/python tests/support/typed_app.py

.PHONY: bench
bench: $(BENCH_READY) $(BENCH_NODE_READY) | need-wrk ## Measure what it costs, side by side with others (BENCH=quick for a glance)
	$(VENV)/bin/python -W ignore -m benchmarks $(if $(filter quick,$(BENCH)),--quick build/benchmarks,docs)

.PHONY: docs
docs: $(SITE_READY) ## Build the site into build/docs; every warning and every dead link is an error

.PHONY: pictures
pictures: $(VENV_READY) $(DEMO_READY) ## Make the pictures of the documentation anew, with Chromium
	$(VENV)/bin/python -m tests.support.pictures

.PHONY: release
release: $(VENV_READY) ## Build and check what is published, date the changelog, and tag; publishes nothing
	$(VENV)/bin/python -m tests.support.release

.PHONY: demo
demo: $(APP_READY) demo-client ## Run the example app
	$(VENV)/bin/python -m example_app

.PHONY: fleet
fleet: $(VENV_READY) demo-client ## Run the example app by three workers, with nginx and Redis
	$(VENV)/bin/python -m example_app.fleet

.PHONY: demo-client
demo-client:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(DEMO_READY); \
	else echo "npm is not installed: the page takes the client from Socket.IO's CDN."; fi

.PHONY: clean
clean: ## Remove all that the other targets made
	rm -rf $(VENV) $(LOWEST) tests/support/node/node_modules example_app/node_modules benchmarks/node/node_modules build dist *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# Python 3.11 brings a pip that does not know dependency groups, hence the newer one.
$(APP_READY): pyproject.toml | need-venv
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(VENV)/bin/python -m pip install --quiet --editable ".[eventlet,regex]"
	touch $@

$(VENV_READY): $(APP_READY)
	$(VENV)/bin/python -m pip install --quiet --group test
	$(VENV)/bin/python -m pip install --quiet --upgrade --target $(VENV)/gunicorn-25 --group gunicorn-eventlet
	touch $@

# Of every package, transitive ones too; of those that exist for this Python as a wheel, since cffi's
# first versions, which nobody's metadata rules out, can no longer be built.
$(LOWEST_READY): pyproject.toml | need-venv
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip compile --quiet --python $(LOWEST)/bin/python --resolution lowest --no-build \
		--all-extras --output-file $(LOWEST)/lowest.txt pyproject.toml
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python \
		--constraints $(LOWEST)/lowest.txt --group quick --editable ".[eventlet,doctor,regex]"
	touch $@

$(BENCH_READY): pyproject.toml $(VENV_READY)
	$(VENV)/bin/python -m pip install --quiet --group bench
	touch $@

$(DOCS_READY): pyproject.toml $(APP_READY)
	$(VENV)/bin/python -m pip install --quiet --group docs
	touch $@

$(SITE_READY): $(DOCS_READY) $(SITE_SOURCES)
	rm -rf build/docs
	$(VENV)/bin/python -m sphinx -W --keep-going -q docs build/docs
	touch $@

$(NODE_READY): tests/support/node/package.json tests/support/node/.npmrc | need-node need-npm
$(DEMO_READY): example_app/package.json example_app/.npmrc
$(BENCH_NODE_READY): benchmarks/node/package.json benchmarks/node/.npmrc | need-node need-npm

$(NODE_READY) $(DEMO_READY) $(BENCH_NODE_READY):
	cd $(@D)/.. && npm install --silent
	touch $@

# Asked at every run: a stamp says nothing about a program that was removed since.
.PHONY: need-venv need-node need-npm need-wrk
need-venv:
	@$(PYTHON) -c "import ensurepip, venv" || \
	{ echo "make needs Python with its venv module: apt-get install python3-venv" >&2; exit 1; }

need-node:
	@command -v node >/dev/null || \
	{ echo "Node.js is needed: apt-get install nodejs" >&2; exit 1; }

need-npm:
	@command -v npm >/dev/null || \
	{ echo "npm is needed: apt-get install npm" >&2; exit 1; }

need-wrk:
	@command -v wrk >/dev/null || \
	{ echo "The benchmarks need wrk: apt-get install wrk" >&2; exit 1; }
