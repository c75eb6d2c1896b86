#!/usr/bin/env bash
# A tour of the API with curl. Without BASE it starts a temporary server:
#
#   scripts/demo.sh
#   BASE=http://127.0.0.1:8080 EMAIL=admin@localhost PASSWORD=... scripts/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh

TOKEN=""

step() { printf '\n== %s\n' "$*"; }

# Sends a request, shows it and its response, and stores the response in $ANSWER.
call() {
    local method=$1 path=$2 body=${3:-} arguments=()
    [ -z "$TOKEN" ] || arguments+=(--header "Authorization: Bearer $TOKEN")
    [ -z "$body" ] || arguments+=(--header "Content-Type: application/json" --data "$body")
    echo "> $method $path${body:+ $body}"
    ANSWER=$(curl --silent --show-error --request "$method" "${arguments[@]}" \
        --write-out '\n< %{http_code}' "$BASE/api/v1$path")
    show "${ANSWER##*$'\n'}" "${ANSWER%$'\n'*}"
    ANSWER=${ANSWER%$'\n'*}
}

show() {
    echo "$1"
    if [ -z "$2" ]; then return; fi
    if command -v jq >/dev/null; then jq . <<<"$2"; else echo "$2"; fi
}

# The first member of that name in the response.
member() { grep --only-matching "\"$1\":\"[^\"]*\"" <<<"$ANSWER" | head -n 1 | cut -d '"' -f 4; }

[ -n "${BASE:-}" ] || start_server
: "${EMAIL:?set EMAIL and PASSWORD of an administrator}" "${PASSWORD:?set EMAIL and PASSWORD of an administrator}"
echo "the server is at $BASE"

step "Sign in: an opaque token, valid for a day"
ANSWER=$(curl --silent --show-error --fail-with-body "$BASE/api/v1/auth/login" \
    --data-urlencode "username=$EMAIL" --data-urlencode "password=$PASSWORD")
TOKEN=$(member access_token)
echo "signed in as $EMAIL: ${TOKEN:0:12}..."

step "Create an assistant (as an administrator)"
call POST /assistants '{"name": "Echo of the tour", "model": "echo::echo", "instructions": "Say it again.", "use_semantic_cache": true}'
ASSISTANT=$(member id)

step "Upload an avatar"
PICTURE=$(mktemp)
# A one-pixel red GIF.
base64 --decode >"$PICTURE" <<<"R0lGODlhAQABAIAAAMgeHv///ywAAAAAAQABAAACAkQBADs="
echo "> POST /assistants/$ASSISTANT/avatar (multipart form with the file)"
ANSWER=$(curl --silent --show-error --fail-with-body "$BASE/api/v1/assistants/$ASSISTANT/avatar" \
    --header "Authorization: Bearer $TOKEN" --form "file=@$PICTURE")
rm "$PICTURE"
echo "it is at $(member avatar_image)"
curl --silent --show-error --head "$BASE$(member avatar_image)" | grep -iE '^(HTTP|content-type|etag|cache-control)'

step "Create a thread"
call POST /threads "{\"name\": \"A tour\", \"assistant_id\": \"$ASSISTANT\"}"
THREAD=$(member id)

step "Post a message and wait for the answer"
call POST "/threads/$THREAD/messages" "{\"assistant_id\": \"$ASSISTANT\", \"content\": \"Is anybody there?\"}"

step "Post a message and stream the answer"
echo "> POST /threads/$THREAD/messages (Accept: text/event-stream)"
curl --silent --show-error --no-buffer "$BASE/api/v1/threads/$THREAD/messages" \
    --header "Authorization: Bearer $TOKEN" --header "Accept: text/event-stream" \
    --header "Content-Type: application/json" \
    --data "{\"assistant_id\": \"$ASSISTANT\", \"content\": \"And still?\"}"

step "Repeat the first question in another thread: answered from the cache"
call POST /threads '{"name": "Another one"}'
OTHER=$(member id)
call POST "/threads/$OTHER/messages" "{\"assistant_id\": \"$ASSISTANT\", \"content\": \"is anybody there\"}"

step "Purge the answer cache"
call DELETE "/assistants/$ASSISTANT/cache"

step "Everything is stored"
call GET "/threads/$THREAD/messages"
call GET "/threads/$THREAD/runs"

step "Validation errors name each field"
call POST /assistants '{"name": "", "model": "nobody::home", "configuration": {"temperature": 9}}'

step "A guest has no threads"
SIGNED_IN=$TOKEN TOKEN=""
call GET /threads
TOKEN=$SIGNED_IN

step "Clean up"
call DELETE "/threads/$THREAD"
call DELETE "/threads/$OTHER"
call DELETE "/assistants/$ASSISTANT"
call POST /auth/logout
