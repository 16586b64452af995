# Each target is one line; `make help` lists them.
PATH := $(CURDIR)/.venv/bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help demo test up down lint

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed ## start the platform, run the main job with faults for three days, twice, and show the evidence
	answers demo

test: .venv/installed ## run every test, on real services
	pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile --ignore=tests/e2e; units=$$?; \
	pytest tests/e2e && exit $$units

up: .venv/installed ## start the platform and wait until it answers
	answers up

down: ## stop the platform; its data stays
	if [ -x .venv/bin/answers ]; then answers down; fi

lint: .venv/installed ## check style, types, the arrows between packages, dependencies and SQL
	ruff check . && ruff format --check . && mypy && lint-imports && deptry . && sqlfluff lint infra/sql dags

.venv/installed: requirements.lock pyproject.toml infra/install.sh
	infra/install.sh
