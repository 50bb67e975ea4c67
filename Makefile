# `make` explains what there is. Works with GNU make 3.81 and later.
SHELL = /bin/sh
VENV = .venv/bin
# One notebook stays on one worker, and the chapters, which take longest, start first.
PYTEST = OMP_NUM_THREADS=1 PATH="$(CURDIR)/$(VENV):$$PATH" $(VENV)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 5
NOTEBOOKS = --nbval --nbval-cell-timeout 300 book

AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root) # in a container everybody is root

export PYTHON

.PHONY: .venv help doctor setup book pdf serve lab check test test-all bench bench-mnist study grade release lint fix lock clean

help:
	@echo 'The learning rate: a book, the package lrlab, and exercises.'
	@echo
	@echo '  make setup     install everything into .venv (the other targets do it when needed)'
	@echo '  make doctor    say what is installed, what is missing and what to do'
	@echo '  make book      run the chapters and build the site: _build/html/index.html'
	@echo '  make pdf       print the built site as one book: _build/the-learning-rate.pdf'
	@echo '  make serve     show the built site on a local address'
	@echo '  make lab       open the chapters in JupyterLab'
	@echo '  make check     lint, types and unit tests, under a minute'
	@echo '  make test      all that CI runs: check, every chapter, the built site in a browser'
	@echo '  make test-all  also what takes long; before a release'
	@echo '  make bench     measure the core, the figures and the pages; writes benchmarks/results.md'
	@echo '  make bench-mnist  measure what 98 % and 99 % of MNIST cost; about an hour, kept as it comes'
	@echo '  make study     record the study of the MNIST chapter: schedules, optimizers, the long run; half an hour'
	@echo '  make grade     grade your notebook of a problem set: NOTEBOOK=path/to/it'
	@echo '  make release   make the notebooks for a class: SEED=7 renews their numbers, SET=name makes one'
	@echo '  make fix       format the code and clean the notebooks'
	@echo '  make lock      renew requirements.txt from pyproject.toml (UPGRADE=all: newest releases)'
	@echo '  make clean     remove what was built; .venv stays'
	@echo
	@echo 'PYTHON=/path/to/python chooses the Python (3.11 to 3.13).'
	@echo 'LRLAB_DATA=/path/to/folder names a folder that holds the MNIST files.'

doctor:
	@sh tools/doctor.sh

setup: .venv
	@echo 'setup: .venv is ready'

.venv:
	@sh tools/setup.sh

book: .venv
	@$(VENV)/python tools/book.py

pdf: book
	@echo 'pdf: some minutes'
	@$(VENV)/python -m tools.pdf

serve: .venv
	@test -f _build/html/index.html || $(MAKE) book
	@$(VENV)/python tools/serve.py

lab: .venv
	@echo 'lab: JupyterLab opens in the browser; Ctrl-C twice stops it'
	@PATH="$(CURDIR)/$(VENV):$$PATH" $(VENV)/jupyter lab $(AS_ROOT) book/index.ipynb

lint: .venv
	@echo 'lint: ruff, mypy, codespell, clean notebooks'
	@$(VENV)/ruff check --quiet .
	@$(VENV)/ruff format --quiet --check . || { echo 'lint: not formatted; make fix does it' >&2; exit 1; }
	@$(VENV)/mypy --no-error-summary
	@$(VENV)/codespell
	@$(VENV)/python tools/notebooks.py --check

check: lint
	@echo 'check: unit tests'
	@$(PYTEST) -m 'not slow and not thorough and not site' lrlab tests

test: lint book
	@echo 'test: every chapter, unit tests, the site in a browser'
	@$(PYTEST) -m 'not slow' $(NOTEBOOKS) lrlab tests

test-all: lint book
	@echo 'test-all: everything'
	@$(PYTEST) $(NOTEBOOKS) lrlab tests

bench: book
	@echo 'bench: about twenty minutes on an idle machine'
	@$(VENV)/python benchmarks/page.py

bench-mnist: .venv
	@echo 'bench-mnist: about an hour on an idle machine; interrupted, it goes on where it was'
	@$(VENV)/python benchmarks/mnist.py

study: .venv
	@echo 'study: about half an hour on an idle core; interrupted, it goes on where it was'
	@$(VENV)/python -m tools.mnist_study

grade: .venv
	@test -n '$(NOTEBOOK)' || { echo 'grade: say which notebook: make grade NOTEBOOK=path/to/it' >&2; exit 2; }
	@$(VENV)/python -m exercises.grader '$(NOTEBOOK)'

release: .venv
	@PATH="$(CURDIR)/$(VENV):$$PATH" $(VENV)/python -m exercises.grader release $(if $(SEED),--seed $(SEED)) $(SET)

fix: .venv
	@$(VENV)/ruff check --quiet --fix . || true
	@$(VENV)/ruff format .
	@$(VENV)/python tools/notebooks.py

lock: .venv
	@$(VENV)/python tools/lock.py $(if $(UPGRADE),--upgrade $(UPGRADE))

clean:
	rm -rf _build build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find book exercises lrlab tests tools \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
