#!/usr/bin/env bash
# Makes what a release consists of, in target/dist: a tarball with the binary, its systemd unit, the
# licences and the list of parts; a Python wheel that carries the binary; checksums of both. Then
# installs both in clean folders, where no cargo is on the path, and asks each for an answer.
#
#   scripts/dist.sh                 # the release profile
#   PROFILE=dev scripts/dist.sh     # tries the packing with a debug build
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
# Where nothing of a Rust toolchain is found.
CLEAN_PATH=/usr/bin:/bin

say() { printf '\n== %s\n' "$*"; }

# The folder in which cargo leaves what it builds with the profile.
profile_folder() { case $PROFILE in dev) echo debug ;; *) echo "$PROFILE" ;; esac; }

make_tarball() {
    local folder=$DIST/$NAME
    mkdir -p "$folder"
    cp "$TARGET/$(profile_folder)/colloquy" contrib/colloquy.service LICENSE-MIT LICENSE-APACHE "$folder"
    if cargo cyclonedx --version >/dev/null 2>&1; then
        make --silent parts
        cp "$TARGET/colloquy-parts.json" "$folder/parts.json"
    else
        echo "list of parts: not run (cargo install cargo-cyclonedx --locked)"
    fi
    tar --directory "$DIST" --create --gzip --owner 0 --group 0 --file "$DIST/$NAME.tar.gz" "$NAME"
    rm -r "$folder"
}

make_wheel() {
    [ -x "$TARGET/dist-tools/bin/maturin" ] || python3 -m venv "$TARGET/dist-tools"
    "$TARGET/dist-tools/bin/pip" install --quiet maturin==1.16.0
    (cd packaging/wheel && "$TARGET/dist-tools/bin/maturin" build --quiet --locked --profile "$PROFILE" --out "$DIST")
}

# Signs in to the program at $1, found on a path without cargo, and talks to the demo assistant.
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

# The member of that name in the JSON object that curl, called with the rest, gets.
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
