#!/usr/bin/env bash
# Builds a release in target/dist: a tarball (binary, systemd unit, licences, SBOM), a Python wheel with
# the binary, and checksums. Then installs each in a clean folder without cargo on the PATH and posts a
# message to it.
#
#   scripts/dist.sh                 # the release profile
#   PROFILE=dev scripts/dist.sh     # tests the packaging with a debug build
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh

PROFILE=${PROFILE:-release}
TARGET=$(cargo metadata --no-deps --format-version 1 --locked |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
VERSION=$(cargo metadata --no-deps --format-version 1 --locked | python3 -c '
import json, sys
print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "colloquy-server"))')
DIST=$TARGET/dist
NAME=colloquy-$VERSION-$(rustc --print host-tuple)
TRIAL=$(mktemp -d)
# Has no Rust toolchain.
CLEAN_PATH=/usr/bin:/bin

say() { printf '\n== %s\n' "$*"; }

# Cargo's output folder for the profile.
profile_folder() { case $PROFILE in dev) echo debug ;; *) echo "$PROFILE" ;; esac; }

make_tarball() {
    local folder=$DIST/$NAME
    mkdir -p "$folder"
    cp "$TARGET/$(profile_folder)/colloquy" contrib/colloquy.service LICENSE-MIT LICENSE-APACHE "$folder"
    if cargo cyclonedx --version >/dev/null 2>&1; then
        make --silent parts
        cp "$TARGET/colloquy-parts.json" "$folder/parts.json"
    else
        echo "SBOM: not run (cargo install cargo-cyclonedx --locked)"
    fi
    tar --directory "$DIST" --create --gzip --owner 0 --group 0 --file "$DIST/$NAME.tar.gz" "$NAME"
    rm -r "$folder"
}

make_wheel() {
    [ -x "$TARGET/dist-tools/bin/maturin" ] || python3 -m venv "$TARGET/dist-tools"
    "$TARGET/dist-tools/bin/pip" install --quiet maturin==1.16.0
    (cd packaging/wheel && "$TARGET/dist-tools/bin/maturin" build --quiet --locked --profile "$PROFILE" --out "$DIST")
}

# Starts the program at $1 without cargo on the PATH, signs in and posts to the demo assistant.
try_program() {
    say "trying $1"
    (
        cd "$TRIAL"
        PATH=$CLEAN_PATH COLLOQUY_BIN=$1 start_server --demo
        ask "$(member access_token "$BASE/api/v1/auth/login" \
            --data-urlencode "username=$EMAIL" --data-urlencode "password=$PASSWORD")"
    )
}

ask() {
    local api=$BASE/api/v1 signed_in="Authorization: Bearer $1" json="Content-Type: application/json" thread
    thread=$(member id "$api/threads" --header "$signed_in" --header "$json" --data '{}')
    member output "$api/threads/$thread/messages" --header "$signed_in" --header "$json" \
        --data '{"assistant_id": "demo", "content": "Is anybody there?"}' | grep '^Echo: Is anybody there?$'
}

# A member of the JSON object that curl fetches with the remaining arguments.
member() {
    local name=$1
    shift
    curl --silent --show-error --fail-with-body "$@" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$name"
}

rm -rf "$DIST"
mkdir -p "$DIST"

say "building"
cargo build --locked --package colloquy-server --profile "$PROFILE"
say "tarball"
make_tarball
say "wheel"
make_wheel
(cd "$DIST" && sha256sum -- *.tar.gz *.whl >SHA256SUMS && cat SHA256SUMS)

tar --directory "$TRIAL" --extract --file "$DIST/$NAME.tar.gz"
try_program "$TRIAL/$NAME/colloquy"
python3 -m venv "$TRIAL/venv"
"$TRIAL/venv/bin/pip" install --quiet --no-index "$DIST"/*.whl
try_program "$TRIAL/venv/bin/colloquy"
rm -rf "$TRIAL"

say "in $DIST"
ls -l "$DIST"
