#!/usr/bin/env bash
# Tests the JavaScript and Python clients against a temporary server and packages both. Needs Node.js,
# Python 3 and their package registries; the browser test also needs Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh

OUT=$PWD/${CARGO_TARGET_DIR:-target}/clients
case ${CARGO_TARGET_DIR:-} in /*) OUT=$CARGO_TARGET_DIR/clients ;; esac

say() { printf '\n== %s\n' "$*"; }

mkdir -p "$OUT"
# The browser's page has another origin, which the service must allow.
PAGE_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start_server --demo --http-cors-origins "http://127.0.0.1:$PAGE_PORT"
export BASE EMAIL PASSWORD PAGE_PORT

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
