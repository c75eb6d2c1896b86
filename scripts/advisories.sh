#!/usr/bin/env bash
# Checks dependencies for security advisories. Fails for an advisory without an exception in deny.toml
# and, even without a database, for an expired exception. TODAY=2030-01-01 overrides the date.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO=${CARGO:-cargo}
DENY_TOML=${DENY_TOML:-deny.toml}
TODAY=${TODAY:-$(date --utc +%F 2>/dev/null || date -u +%Y-%m-%d)}

# One exception per line: { id = "RUSTSEC-...", reason = "until 2030-01-01: ..." }
ids() { grep --extended-regexp '^[^#]*"(RUSTSEC-[0-9-]+|[a-z0-9_-]+@[0-9][^"]*)"' "$DENY_TOML" || true; }

failed=0
while IFS= read -r line; do
    [ -n "$line" ] || continue
    if [[ ! $line =~ reason\ =\ \"until\ ([0-9]{4}-[0-9]{2}-[0-9]{2}):\ [^\"]+\" ]]; then
        echo "advisories: an exception lacks \"until YYYY-MM-DD: reason\": $line"
        failed=1
    elif [[ ${BASH_REMATCH[1]} < $TODAY ]]; then
        echo "advisories: an exception has expired: $line"
        failed=1
    fi
done < <(ids)
[ "$failed" -eq 0 ] || exit 1
[ "${1:-}" != dates ] || exit 0

# Whether a database is available, freshly fetched or cached.
has_database() {
    local databases="${CARGO_HOME:-$HOME/.cargo}/advisory-dbs"
    timeout 120 "$CARGO" deny fetch db >/dev/null 2>&1 ||
        [ -n "$(find "$databases" -mindepth 1 -maxdepth 1 -type d 2>/dev/null)" ]
}

if ! "$CARGO" deny --version >/dev/null 2>&1; then
    echo "advisories: not run (cargo-deny is not installed)"
elif has_database; then
    # cargo-deny rejects a database older than 90 days.
    "$CARGO" deny --locked --offline check advisories
else
    echo "advisories: not run (no advisory database available)"
fi
