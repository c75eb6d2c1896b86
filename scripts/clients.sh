#!/usr/bin/env bash
# Against a temporary server: generates a TypeScript and a Python client from the OpenAPI document and holds a
# conversation with each; tests our own JavaScript and Python clients and packages them. Needs Node.js,
# Python 3 and their package registries; the browser test also needs Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh

PYTHON_GENERATOR_VERSION=0.29.1
OUT=$PWD/${CARGO_TARGET_DIR:-target}/clients
case ${CARGO_TARGET_DIR:-} in /*) OUT=$CARGO_TARGET_DIR/clients ;; esac

say() { printf '\n== %s\n' "$*"; }

mkdir -p "$OUT"
# The browser's page has another origin, which the service must allow.
PAGE_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start_server --demo --http-cors-origins "http://127.0.0.1:$PAGE_PORT"
export BASE EMAIL PASSWORD PAGE_PORT

say "a generated TypeScript client"
(
    cd tests/typescript
    npm ci --no-fund --no-audit --loglevel=error
    npm run --silent check
    npm run --silent converse
)

say "a generated Python client"
[ -x "$OUT/generated/bin/python" ] || python3 -m venv "$OUT/generated"
"$OUT/generated/bin/pip" install --quiet "openapi-python-client==$PYTHON_GENERATOR_VERSION"
PATH=$OUT/generated/bin:$PATH openapi-python-client generate --path docs/openapi.json --overwrite \
    --config tests/python/openapi-python-client.yml --output-path "$OUT/colloquy-generated" \
    >"$OUT/colloquy-generated.log" || { cat "$OUT/colloquy-generated.log"; exit 1; }
"$OUT/generated/bin/pip" install --quiet --force-reinstall --no-deps "$OUT/colloquy-generated"
"$OUT/generated/bin/python" tests/python/conversation.py

say "clients/js"
(
    cd clients/js
    npm ci --no-fund --no-audit --loglevel=error
    npm run --silent check
    npm test
    npm pack --silent --pack-destination "$OUT"
)

say "clients/python"
[ -x "$OUT/venv/bin/python" ] || python3 -m venv "$OUT/venv"
"$OUT/venv/bin/pip" install --quiet --upgrade build
"$OUT/venv/bin/python" -m build --wheel --outdir "$OUT" clients/python
"$OUT/venv/bin/pip" install --quiet --force-reinstall "$OUT"/colloquy_client-*.whl mypy pytest
"$OUT/venv/bin/mypy" --strict clients/python/colloquy_client
"$OUT/venv/bin/python" -m pytest --quiet clients/python/tests

say "packed"
ls "$OUT"/*.tgz "$OUT"/*.whl
