# The two commands are `make reproduce` and `make test`; `make help` lists the rest.
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

PYTHON ?= $(shell for p in python3 python3.12 python3.13 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PROFILE ?= auto
ARGUMENTS = $(NOTEBOOK) --profile $(PROFILE) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(NAME),--name $(NAME)) $(if $(DEVICE),--device $(DEVICE)) $(if $(PRECISION),--precision $(PRECISION)) $(if $(STANDIN),--stand-in $(STANDIN))
ASKED = $(strip $(foreach v,PROFILE NOTEBOOK SEEDS NAME DEVICE PRECISION STANDIN,$(if $(filter command line,$(origin $(v))),$(v)="$($(v))")))

.PHONY: help setup plan reproduce dry test lint lab data doctor scorecard benchmark lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## install everything into .venv

$(READY): requirements.lock pyproject.toml
	@test $(VENV) = .venv -o ! -e $(VENV) -o -e $@ || { echo "$(VENV) is an environment of another make: say VENV=.venv, or name a new folder"; exit 1; }
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found: install one, or say PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

plan: $(READY) ## get the data, say what `make reproduce` would do and for how long, and do no more
	$(BIN)/python -m kdrep reproduce $(ARGUMENTS) --plan

reproduce: $(READY) ## execute the notebooks, print the scorecard (PROFILE= NOTEBOOK="00 01" SEEDS= NAME= DEVICE= PRECISION= STANDIN=)
	KDREP_COMMAND='make reproduce $(ASKED)' $(BIN)/python -m kdrep reproduce $(ARGUMENTS)

dry: $(READY) ## every cell of profile full, its nets at full size, on a little data for a few steps
	KDREP_DRY=1 $(BIN)/python -m kdrep reproduce $(NOTEBOOK) --profile full --name dry --fresh

test: $(READY) lint ## lint, and run all tests and all notebooks in profile smoke
	KDREP_PROFILE=smoke KDREP_RESULTS="$$(mktemp -d)" $(BIN)/python -m pytest $(TESTS)

lint: $(READY) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lab: $(READY) ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir=notebooks --LabApp.default_url=/lab/tree/00_distillation.ipynb

data: ## fetch the data sets, verify and list them
doctor: ## what this machine has, lacks, and what to do about it
scorecard: ## print the scorecard of a run
data doctor scorecard: $(READY)
	$(BIN)/python -m kdrep $@

benchmark: $(READY) ## time the training loop against a textbook loop, and populations against single nets (DEVICE=)
	$(BIN)/python tests/benchmarks $(if $(DEVICE),--device $(DEVICE))

lock: ## resolve requirements.lock again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --extra cluster pyproject.toml -o requirements.lock

clean: ## delete the environment and all runs
	@test $(VENV) = .venv -o ! -e $(VENV) -o -e $(READY) || { echo "$(VENV) was not made by this Makefile: delete it yourself"; exit 1; }
	rm -rf $(VENV) results/runs
