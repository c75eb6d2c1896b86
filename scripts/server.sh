# Sourced by other scripts: a temporary server.

# Starts a server with these flags; sets BASE, and EMAIL and PASSWORD of an administrator. Runs
# COLLOQUY_BIN, or builds the program. The server and its data go away when the script exits.
start_server() {
    local data log program=${COLLOQUY_BIN:-}
    data=$(mktemp -d)
    log=$data/log
    EMAIL=admin@example.org PASSWORD=$(od -An -N 16 -t x1 /dev/urandom | tr -d ' \n')
    if [ -z "$program" ]; then
        echo "building..."
        # Same features as `make run`.
        cargo build --quiet --locked --package colloquy-server --no-default-features
        program=${CARGO_TARGET_DIR:-target}/debug/colloquy
    fi
    # Drops the caller's settings.
    # shellcheck disable=SC2046 # one word each
    env $(env | sed -n 's/^\(COLLOQUY_[A-Z0-9_]*\)=.*/--unset=\1/p') \
        COLLOQUY_DATA_DIR="$data" COLLOQUY_ADMIN_EMAIL="$EMAIL" COLLOQUY_ADMIN_PASSWORD="$PASSWORD" \
        "$program" serve --listen 127.0.0.1:0 "$@" >"$log" 2>&1 &
    # shellcheck disable=SC2064 # as they are now
    trap "kill $! 2>/dev/null; wait $! 2>/dev/null; rm -rf '$data'" EXIT
    for _ in {1..100}; do
        BASE=$(grep --no-messages --only-matching --max-count 1 'http://127.0.0.1:[0-9]*' "$log") && return
        sleep 0.1
    done
    cat "$log"
    exit 1
}
