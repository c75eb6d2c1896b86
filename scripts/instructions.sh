#!/usr/bin/env bash
# Counts the instructions of a request, and where they are spent. Independent of machine load. Needs
# valgrind and a binary with line tables (docs/performance.md).
#
#   scripts/instructions.sh                     # a public assistant, as an administrator
#   scripts/instructions.sh '/assistants?limit=100'
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh

REQUESTS=1000
OUT=${CARGO_TARGET_DIR:-target}/callgrind.out
PROFILED=${COLLOQUY_BIN:-target/profile/release/colloquy}

wrapper=$(mktemp)
cat >"$wrapper" <<END
#!/bin/sh
exec env COLLOQUY_LOG=warn,colloquy_web::serve=info valgrind --quiet --tool=callgrind --instr-atstart=no --callgrind-out-file=$OUT $(realpath "$PROFILED") "\$@"
END
chmod +x "$wrapper"
COLLOQUY_BIN=$wrapper
start_server
rm "$wrapper"

api() {
    curl --silent --show-error --fail-with-body "$BASE/api/v1$1" --header "Authorization: Bearer ${TOKEN:-}" "${@:2}"
}
json() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
TOKEN=$(curl --silent "$BASE/api/v1/auth/login" --data-urlencode "username=$EMAIL" \
    --data-urlencode "password=$PASSWORD" | json access_token)
api /assistants --header 'Content-Type: application/json' --output /dev/null \
    --data '{"name": "Measured", "slug": "measured", "model": "echo::echo", "user_authentication": false}'

path=${1:-/assistants/measured}
# curl does not send the fragment: this repeats one request on one connection.
api "$path#[1-50]" --output /dev/null
callgrind_control --instr=on >/dev/null 2>&1
api "$path#[1-$REQUESTS]" --output /dev/null
callgrind_control --instr=off >/dev/null 2>&1
callgrind_control --dump >/dev/null 2>&1

callgrind_annotate --inclusive=yes "$OUT.1" | sed -n 1,60p
total=$(callgrind_annotate "$OUT.1" | sed -n 's/,//g; s/^ *\([0-9]*\) .*PROGRAM TOTALS.*/\1/p')
echo "instructions per request: $((total / REQUESTS))"
