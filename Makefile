# make run: the studio in your browser. make test: every test. Both set up what they need, on a bare machine too.
#   make run FLAGS="--port 8000 --family sdxl"        python app.py --help lists the flags
#   make setup PYTHON=python3.12                      which Python makes .venv

PYTHON ?=
FLAGS ?=
python := .venv/bin/python
export PYTHON
export OMP_WAIT_POLICY = PASSIVE
# Tests run file by file in as many processes as there are cores, each with one thread: two that both take every core
# wait for each other.
parallel := OMP_NUM_THREADS=1 $(python) -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile

.PHONY: setup run test check bench deploy clean help

help:
	@echo "make setup   make .venv with the tested versions"
	@echo "make run     serve the studio on the pocket family"
	@echo "make test    ruff and every test, the browser's too"
	@echo "make check   ruff, pyright and the quick tests"
	@echo "make bench   the benchmarks of speed, into benchmarks/RESULTS.md; python -m benchmarks lists all"
	@echo "make deploy  put the studio on a Hugging Face Space as Spacefile says; FLAGS=--dry-run only tells the plan"
	@echo "make clean   remove .venv and caches; your library stays"

setup: .venv/.studio

run: .venv/.studio
	$(python) app.py $(FLAGS)

test: .venv/.tests .venv/.chromium
	$(python) -m ruff format --check -q .
	$(python) -m ruff check .
	$(parallel) $(FLAGS)

check: .venv/.tests .venv/.chromium
	$(python) -m ruff format --check -q .
	$(python) -m ruff check .
	.venv/bin/basedpyright
	$(parallel) --ignore=tests/e2e --ignore=tests/engine --ignore=tests/pocketworld --ignore=tests/benchmarks/quality $(FLAGS)

bench: .venv/.studio
	$(python) -m benchmarks speed startup
	$(python) -m benchmarks speed overhead
	$(python) -m benchmarks speed switching

deploy: .venv/.studio
	$(python) -m deploy.space $(FLAGS)

clean:
	rm -rf .venv .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.studio: requirements.txt constraints.txt tools/setup.sh
	tools/setup.sh
	@touch $@

.venv/.tests: tests/requirements.txt .venv/.studio
	$(python) -m pip install --disable-pip-version-check -q -c constraints.txt -r tests/requirements.txt
	@touch $@

.venv/.chromium: tools/chromium.sh .venv/.tests
	tools/chromium.sh
	@touch $@
