#!/usr/bin/env bash
# Types the crate of docs/embedding.md into an empty directory beside this checkout, builds it there as
# its own workspace, and tries the server that comes out. Needs curl and jq.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh

ROOT=$PWD
# Shared with the checkout, whose dependencies need not be built again.
TARGET=${CARGO_TARGET_DIR:-$PWD/target}
WORK=$(mktemp -d)
MAX_LINES=60

# The fenced block below `<!-- file: NAME -->`.
file_of_guide() {
    awk -v mark="<!-- file: $1 -->" '
        $0 == mark { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside { print }
    ' docs/embedding.md
}

mkdir -p "$WORK/my-server/src"
ln -s "$ROOT" "$WORK/colloquy"
file_of_guide Cargo.toml >"$WORK/my-server/Cargo.toml"
file_of_guide src/main.rs >"$WORK/my-server/src/main.rs"
# The versions that the checkout is tested with.
cp Cargo.lock "$WORK/my-server/Cargo.lock"
lines=$(wc -l <"$WORK/my-server/src/main.rs")
[ "$lines" -gt 0 ] && [ "$lines" -lt "$MAX_LINES" ] ||
    { echo "src/main.rs has $lines lines; the guide promises fewer than $MAX_LINES"; exit 1; }

begun=$SECONDS
(cd "$WORK/my-server" && CARGO_TARGET_DIR=$TARGET cargo build --quiet)
echo "built $lines lines in $((SECONDS - begun)) s"

COLLOQUY_BIN=$TARGET/debug/my-server start_server
api=$BASE/api/v1
token=$(curl -sS --fail "$api/auth/login" -d "username=$EMAIL" -d "password=$PASSWORD" | jq -r .access_token)
call() { curl -sS -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }
expect() {
    local what=$1 expected=$2 actual=$3
    [ "$actual" = "$expected" ] || { echo "$what: expected $expected, got $actual"; exit 1; }
}

expect "tools of the clerk" '["orders"]' "$(call "$api/assistants/clerk" | jq -c .tools)"
expect "origin of the clerk" true "$(call "$api/assistants/clerk" | jq .defined_in_code)"
thread=$(call "$api/threads" -d '{}' | jq -r .id)
answer=$(call "$api/threads/$thread/messages" -d '{"assistant_id": "clerk", "content": "Hello"}')
expect "the run" completed "$(jq -r .run.status <<<"$answer")"
expect "deleting a thread" forbidden "$(call -X DELETE "$api/threads/$thread" | jq -r .code)"
expect "changing the clerk" defined_in_code \
    "$(call -X PATCH "$api/assistants/clerk" -d '{"name": "Boss"}' | jq -r .code)"
echo "policy, tool and assistant of the guide work"
rm -rf "$WORK"
