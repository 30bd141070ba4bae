# 受理 Shouli. “make” alone tells what there is. Needs make and Python 3.11–3.13, nothing else;
# every target sets up .venv from the hashed locks in requirements/ by itself.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run demo test check coverage bench campaign test-peers test-browser lock clean

# Bytecode is kept: compiling all anew costs each start, and each run of the tests, some seconds.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -q

# PYTHON=/path/to/python3.12 overrides the search.
FIND_PYTHON := for p in $(or $(PYTHON),python3.11 python3.12 python3.13 python3); do \
	  if "$$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  2>/dev/null; then echo "$$p"; exit; fi; done

help:
	@echo '受理 Shouli'
	@echo
	@echo '  make run           启动：收信、聊天、分单、坐席台        start everything; Ctrl-C stops it'
	@echo '  make demo          三位顾客走一遍全程                    three customers, end to end'
	@echo '  make test          全部测试（真实 PostgreSQL 和 Valkey） all tests, on real services'
	@echo '  make check         格式、类型、导入约定、单元测试        style, types, imports, unit tests'
	@echo '  make coverage      测试覆盖率                            test coverage'
	@echo '  make bench         延迟与吞吐                            latency and throughput'
	@echo '  make campaign      断电、历史、长跑，要几个小时          kills, histories and a long run, for hours'
	@echo '  make test-peers    与 Debian 的邮件程序对测（要装包）    against Debian mail programs'
	@echo '  make test-browser  用 Chromium 测网页（要装包）          the pages, in Chromium'
	@echo '  make lock          重新锁定依赖                          lock the dependencies anew'
	@echo '  make clean         删除 .venv 和缓存，不动数据           remove .venv and caches, not data'
	@echo
	@echo '  PYTHON=python3.12 make run   换一个 Python               with another Python'

run: $(VENV)/run.stamp
	@exec $(BIN)/shouli run

demo: $(VENV)/run.stamp
	@exec $(BIN)/shouli demo

# The storm asks how long a ticket waits beside a free agent: beside another test, both wait for
# the processor.
STORM := tests/flow/test_routing_storm.py

# Each half of the tests is one process's, until one has nothing left and takes from the other's:
# what a module's tests share is seldom made twice, and none works alone at the end.
# UNIT= leaves out what make check has just run.
UNIT := tests/unit

test: $(VENV)/dev.stamp
	@$(PYTEST) -n 2 --dist worksteal $(UNIT) tests/contract
	@$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder --ignore=$(STORM) tests/flow
	@$(PYTEST) $(STORM)

# Tracing doubles the time of these tests, so it has a target of its own.
coverage: $(VENV)/dev.stamp
	@$(BIN)/coverage run --branch --concurrency=thread,greenlet \
	  --source=models,channels,classifier,router,desk,workers,config \
	  -m pytest -q tests/unit tests/contract
	@$(BIN)/coverage report --skip-covered --skip-empty
	@$(BIN)/coverage report --fail-under=95 --include='models/store/*,workers/messages/intake.py,workers/messages/dispatch.py,workers/messages/pipeline.py' >/dev/null

# The long tests are not run here, but each must find what it imports: changes that cross leave
# names behind that have moved.
# What tests share stands in modules of its own: no test takes something from another's file.
check: $(VENV)/dev.stamp
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@! grep -rnE --include='*.py' 'from tests\.[a-z_.]*\btest_[a-z_]+ import' tests
	@told="$$($(PYTEST) -qq --collect-only tests/contract tests/flow tests/peers tests/browser)" \
	  || { echo "$$told"; exit 1; }
	@$(MAKE) --jobs=2 unit-a-to-e unit-f-to-z

# Half of their time each. To hand thousands of results of a millisecond from one process to
# another, as -n 2 does, takes a third of that time again.
.PHONY: unit-a-to-e unit-f-to-z
unit-a-to-e:
	@$(PYTEST) tests/unit/test_[a-e]*.py

unit-f-to-z:
	@$(PYTEST) tests/unit --ignore-glob='*/test_[a-e]*.py'

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m bench.latency; latency=$$?; $(BIN)/python -m bench.flow && exit $$latency

# Hours are what it is for; everywhere else a test that hangs ends after the time in pyproject.toml.
campaign: PYTEST += --timeout=0
campaign: $(VENV)/dev.stamp
	@$(PYTEST) -n 2 -m hypothesis --hypothesis-profile=campaign tests/unit
	@CRASH_KILLS=100 $(PYTEST) -s tests/flow/test_crash.py
	@SOAK_MINUTES=60 $(PYTEST) -s tests/flow/test_soak.py
	@CRASH_CELLS=20 $(PYTEST) -s tests/flow/test_crash_cells.py
	@STORM_AGENTS=200 STORM_TICKETS=5000 $(PYTEST) -s tests/flow/test_routing_storm.py
	@CLOCK_KILLS=20 $(PYTEST) -s tests/flow/test_clock_kills.py
	@CLOCK_HISTORIES=1000 $(PYTEST) tests/contract/workers/test_clock_histories.py
	@HISTORIES=2000 $(PYTEST) -n 2 -rP tests/contract/workers/test_histories.py
	@FIGURE_MONTHS=10 FIGURE_TICKETS=5000 $(PYTEST) tests/contract/store/test_figures.py
	@LIVES=500 $(PYTEST) -s tests/contract/workers/test_lives.py
	@REKEYING_KILLS=200 $(PYTEST) -s tests/contract/store/test_killed_rekeying.py
	@RETRAIN_KILLS=20 $(PYTEST) tests/contract/workers/test_retrain.py
	@RETRAIN_KILLS=20 $(PYTEST) -s tests/flow/test_retraining.py

test-peers: $(VENV)/dev.stamp
	@.ci/apt-install swaks libnet-ssleay-perl postfix dovecot-imapd
	@$(PYTEST) tests/peers

# The driver of the browser is a program of its own, and a bare Debian lacks a library of it.
test-browser: $(VENV)/dev.stamp
	@.ci/apt-install chromium libatomic1
	@$(PYTEST) tests/browser

LOCK := build/lock/bin/uv pip compile --system-certs --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
	--upgrade pyproject.toml --extra build

# The second is held to the first, so that tests run on what runs.
lock: $(VENV)/run.stamp
	@$(BIN)/python -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(LOCK) --output-file requirements/run.lock >/dev/null
	@$(LOCK) --extra dev --constraint requirements/run.lock --output-file requirements/dev.lock >/dev/null

clean:
	@rm -rf $(VENV) build .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python="$$($(FIND_PYTHON))"; if [ -z "$$python" ]; then \
	  echo '找不到可用的 Python 3.11–3.13（含 venv）。Debian：apt-get install python3 python3-venv；' >&2; \
	  echo '或指明位置：make PYTHON=/path/to/python3.11 …' >&2; \
	  echo 'No usable Python 3.11 to 3.13 with venv. On Debian: apt-get install python3 python3-venv;' >&2; \
	  echo 'or say where it is: make PYTHON=/path/to/python3.11 …' >&2; exit 1; fi; \
	echo "正在准备 .venv（$$python），首次需要一两分钟 / Setting up .venv, a minute or two the first time"; \
	"$$python" -m venv $(VENV)

# What builds comes from the lock, too, and first: jieba is published as source only.
$(VENV)/run.stamp: requirements/run.lock pyproject.toml | $(BIN)/python
	@sed -n '/^setuptools==/,/[^\\]$$/p' requirements/run.lock >$(VENV)/build.txt
	@$(PIP) --require-hashes -r $(VENV)/build.txt
	@$(PIP) --require-hashes --no-build-isolation --use-pep517 -r requirements/run.lock
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

# After run.stamp, never beside it: two pips in one environment break it.
$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/run.stamp
	@$(PIP) --require-hashes --no-build-isolation --use-pep517 -r requirements/dev.lock
	@touch $@
