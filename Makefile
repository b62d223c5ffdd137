# `make demo` and `make test` set up everything they need; see README.md.
PY := .venv/bin/python

.PHONY: setup demo test lint bench clean

setup:
	@bash .ci/setup

demo: setup
	@$(PY) -m tests.instruments.demo --out demo-out

test: setup lint
	@$(PY) -m pytest -q -n 3 --dist loadfile --durations=10

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

bench:
	@bash .ci/setup bench
	@$(PY) -m tests.bench --out bench-out

clean:
	rm -rf demo-out bench-out build .pytest_cache .mypy_cache .ruff_cache
