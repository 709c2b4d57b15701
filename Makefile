# The chores, one word each. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test check screenshots messages lock audit clean

# Called as modules: the scripts in .venv/bin break when the folder is moved.
python := .venv/bin/python
uv_lock := $(python) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

help: ## list the chores
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## start everything at http://127.0.0.1:8000 (PORT=8001 for another port); Ctrl-C stops it
	@.ci/setup requirements.txt
	@exec env LOOPLINE_DEMO="$${LOOPLINE_DEMO:-1}" LOOPLINE_FOLLOW_PARENT=1 \
		$(python) -m flask --app wsgi serve

test: ## set up, check and test everything
	@.ci/setup requirements-dev.txt
	@$(python) -m tests.chromium
	@$(MAKE) --no-print-directory check
	@$(python) -m pytest -n auto --dist loadfile

check: ## lint, formatting, types, architecture
	@.ci/setup requirements-dev.txt
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	.venv/bin/lint-imports

screenshots: ## make the pictures of the README from the seeded town
	@.ci/setup requirements-dev.txt
	@$(python) -m docs.screenshots

messages: ## bring translations/ up to date with the texts in app/; then translate what is new there
	@.ci/setup requirements-dev.txt
	@$(python) -m translations.extract

lock: ## write the lock files anew from pyproject.toml (UPGRADE=--upgrade takes newer versions)
	@.ci/setup requirements-dev.txt
	$(uv_lock) $(UPGRADE) -o requirements.txt
	$(uv_lock) $(UPGRADE) --constraint requirements.txt --group dev -o requirements-dev.txt

audit: ## look for known vulnerabilities in what we install
	@.ci/setup requirements-dev.txt
	@.ci/audit

clean: ## remove .venv and caches; instance/, which holds your data, stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
