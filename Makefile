# make serve   a gateway on http://127.0.0.1:8000/, from nothing but Python 3.11
# make test    everything that is tested, with the servers that the tests need
# make check   style and types only
# make bench   the figures of benchmarks/README.md, one after the other (fifteen minutes)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGUMENTS ?=

.PHONY: serve test check bench clean

serve: $(VENV)/installed
	$(BIN)/gateway serve $(ARGUMENTS)

test: check
	sh tests/packages.sh
	$(BIN)/python -m pytest $(ARGUMENTS)

check: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-for-bench
	sh tests/packages.sh
	for name in conversations start ledger retention takeover telegram_burst xmpp_echo bridge \
	  whole_messages websocket_broadcast; do \
	  echo; echo "== $$name"; \
	  timeout --foreground --signal=INT --kill-after=20 240 $(BIN)/python benchmarks/$$name.py \
	    || failed="$$failed $$name"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/installed-for-tests: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/installed

$(VENV)/installed-for-bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	touch $@ $(VENV)/installed $(VENV)/installed-for-tests

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed, and $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	    "name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "On Debian: apt-get install python3-venv" >&2; exit 1; }

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
