# Every target sets up what it needs; nothing has to be installed by hand beyond Python and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: screenshots setup demo test check docs bench soak study lock format clean

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml tools/setup.sh
	PYTHON=$(PYTHON) sh tools/setup.sh
	@touch $@

demo: setup
	$(BIN)/python -m darwaza.entry.demo $(if $(ONCE),--once)

test: setup
	@sh tools/test_tools.sh
	sh tools/browser.sh
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not soak"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_docs.py

bench: setup
	$(BIN)/python -m bench

# More lives of every simulation, the largest models, and new examples for the property tests: three hours of processor
# time, so a night is enough on two cores. It counts up to 100 %; a seed that fails is named at once with the command that
# replays it, and the rest goes on. ONLY="routing_seeds or chaos" picks by name.
soak: setup
	@failed=0; \
	$(BIN)/python -m pytest -m soak -k "$(ONLY)" -vs --tb=short --timeout 3600 -n auto --dist worksteal || failed=1; \
	$(if $(ONLY),,$(BIN)/python -m pytest tests/unit tests/contract tests/conformance -m "not soak" -v \
		--hypothesis-profile explore || failed=1;) \
	exit $$failed

study: setup
	$(BIN)/darwaza study run profiles/carec/study.toml --out report/

# Writes the generated parts of the documents; make check says when they are out of date.
docs: setup
	$(BIN)/python tools/check_docs.py --write

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements.lock

clean:
	rm -rf .venv demo report var

screenshots: setup
	sh tools/browser.sh
	$(BIN)/python -m tools.screenshots --out var/screenshots
