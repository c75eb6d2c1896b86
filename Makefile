.POSIX:
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help run test check format lint deny docs demo compose

CARGO ?= cargo

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

run: ## build and serve http://127.0.0.1:8080, everything under ./data, with a demo assistant
	COLLOQUY_LISTEN="$${COLLOQUY_LISTEN:-127.0.0.1:8080}" \
	COLLOQUY_DATA_DIR="$${COLLOQUY_DATA_DIR:-./data}" \
	COLLOQUY_DEMO="$${COLLOQUY_DEMO:-true}" \
	$(CARGO) run --quiet --locked --package colloquy-server -- serve

test: ## run every test; those on PostgreSQL when TEST_POSTGRES_URL is set
	$(CARGO) test --workspace --locked
	@if [ -z "$${TEST_POSTGRES_URL:-}" ]; then echo "PostgreSQL suites: not run (TEST_POSTGRES_URL is not set)"; fi

check: format lint deny docs test ## everything that CI checks

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

deny:
	$(CARGO) deny --locked --offline check bans licenses sources
	@echo "advisories: not run (they need a network; cargo deny check advisories)"

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

demo: ## a tour with curl, against $$BASE or a server of its own
	./scripts/demo.sh

compose: ## build the image and start it with PostgreSQL
	docker compose up --build
