# make book | make test | make notebooks | make bench | make archive | make clean
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

# TORCH_INDEX=https://download.pytorch.org/whl/cpu (or /whl/cu130) picks PyTorch's build.
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# Threads that wait should soon sleep: on a busy machine, spinning ones stall each other.
# At once would be too soon: small steps of training took twice as long. Kernels that
# ssmbook starts have it so; make bench asks for a quiet machine.
test: export GOMP_SPINCOUNT = 10000

.PHONY: book test notebooks bench archive clean

book: $(READY)
	@$(BIN)/ssmbook build $(if $(PROFILE),--profile $(PROFILE) --timeout 86400)

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest tests
	$(BIN)/pytest --nbval --nbval-current-env -p tests.nbval_compare notebooks
	$(BIN)/ssmbook claims
	$(BIN)/ssmbook claims --check _build/fresh
	$(BIN)/ssmbook build --stored

notebooks: $(READY)
	@$(BIN)/ssmbook notebooks $(ONLY)

bench: $(READY)
	$(BIN)/python benchmarks/bench.py

archive: $(READY)
	@$(BIN)/ssmbook archive

clean:
	rm -rf _build dist .venv

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(PIP_INSTALL) -r requirements.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	touch $@
