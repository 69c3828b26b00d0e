# Every target prepares .venv by itself, once. Needs Python 3.11, 3.12 or 3.13 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
ARGS ?=
# The tests of a file share what is dear, so they stay together; a process takes up to 3 GB.
JOBS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help bench sample check test soak lint format typecheck table2 nq triviaqa webq curatedtrec squad dpr_table2 dpr_table4 pyserini_dpr \
	list doctor benchmarks wheel clean clean-cache clean-all

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ARGS=\"depth=20\" adds Hydra overrides to the targets that run something"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "qa_bench needs Python 3.11, 3.12 or 3.13, this is " + sys.version.split()[0] + ": make PYTHON=python3.13")'
	@echo "installing what qa_bench needs into .venv: about 3 GB, some minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

bench: sample ## the five sets on the embedded sample: the table, in results/

sample: $(READY) ## the same
	$(BIN)/qa-bench run experiment=sample $(ARGS)

check: lint typecheck ## before each commit: lint, types and the quick tests, in less than a minute
	$(BIN)/python -m pytest -q -m "not slow and not soak" $(JOBS) $(ARGS)

test: $(READY) ## all tests (QA_BENCH_SHARED names a folder with real data, else those skip)
	$(BIN)/python -m pytest -m "not soak" $(JOBS) $(ARGS)

soak: $(READY) ## an hour: the long tests, faults at random, mutated files
	$(BIN)/python -m pytest -m soak $(JOBS) $(ARGS)
	$(BIN)/python tests/chaos.py --seconds 1200
	$(BIN)/python tests/mutation.py --inputs 200000

lint: $(READY) ## ruff: style and format; import-linter: which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

format: $(READY) ## ruff: mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(READY) ## mypy, strict
	$(BIN)/mypy

table2: $(READY) ## DPR's Table 2, sparse rows: five test sets on psgs_w100 (put the files in data/raw)
	$(BIN)/qa-bench run experiment=table2 $(ARGS)

dpr_table2 dpr_table4 pyserini_dpr: $(READY) ## whole tables of the papers, and how near they come
	$(BIN)/qa-bench run experiment=$@ $(ARGS)
	$(BIN)/qa-bench verify name=$@

nq triviaqa webq curatedtrec squad: $(READY) ## one set on psgs_w100
	$(BIN)/qa-bench run name=$@ corpus=psgs_w100 dataset=$@ $(ARGS)

list: $(READY) ## what can be chosen
	$(BIN)/qa-bench list

doctor: $(READY) ## is everything there that a run needs?
	$(BIN)/qa-bench doctor

benchmarks: $(READY) ## speed and memory against peers (needs QA_BENCH_SHARED)
	@for script in scoring indexing searching whole_line memory exact_search encoding fusing \
		chunking extracting projection training reranking reading repeating_line verifying postings native_line \
		sparse maxsim approximate mining gradient_caching; do \
		echo "== $$script"; $(BIN)/python benchmarks/$$script.py || exit 1; done

wheel: $(READY) ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove what tools leave behind
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

clean-cache: ## remove finished stages; results and downloads stay
	rm -rf data/cache

clean-all: clean clean-cache ## also remove .venv and the results
	rm -rf .venv
	find results -mindepth 1 -not -name README.md -delete
