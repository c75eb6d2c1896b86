"""The synchronous client. Made by ``make_sync.py`` from ``_async.py``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import httpx

from ._protocol import (
    ColloquyError,
    Decoder,
    Event,
    Json,
    Progress,
    Request,
    next_page,
    options,
    pause,
    refusal,
    submission,
    unreachable,
)


class Colloquy:
    """Use as ``with Colloquy(url) as client``.

    ``token`` is a session token or an API key; ``retries`` says how many attempts in a row may fail
    before a call gives up.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        retries: int = 8,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.token = token
        self._retries = retries
        self._http = httpx.Client(transport=transport, **options(base_url))

    def __enter__(self) -> Colloquy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; the session stays."""
        self._http.close()

    def sign_in(self, email: str, password: str) -> Json:
        """Begins a session and uses its token from then on."""
        session: Json = self.request("POST", "/auth/login", {"username": email, "password": password})
        self.token = session["access_token"]
        return session

    def sign_out(self) -> None:
        """Ends the session on the server."""
        self.request("POST", "/auth/logout")
        self.token = None

    def me(self) -> Json:
        """The signed-in user."""
        user: Json = self.request("GET", "/users/me")
        return user

    def assistants(self, *, skip: int = 0, limit: int = 100) -> list[Json]:
        """A page of the assistants that the caller may see, by name."""
        params = {"skip": skip, "limit": limit}
        page: list[Json] = self.request("GET", "/assistants", params=params)
        return page

    def assistant(self, assistant: str) -> Json:
        """By id or slug."""
        found: Json = self.request("GET", f"/assistants/{assistant}")
        return found

    def create_thread(self, **fields: Any) -> Json:
        """Takes ``name`` and ``assistant_id``."""
        thread: Json = self.request("POST", "/threads", fields)
        return thread

    def thread(self, thread: str) -> Json:
        found: Json = self.request("GET", f"/threads/{thread}")
        return found

    def update_thread(self, thread: str, **changes: Any) -> Json:
        changed: Json = self.request("PATCH", f"/threads/{thread}", changes)
        return changed

    def delete_thread(self, thread: str) -> None:
        self.request("DELETE", f"/threads/{thread}")

    def threads(self, *, assistant_id: str | None = None, limit: int = 100) -> Iterator[Json]:
        """Every thread of the caller, newest first, fetched page by page."""
        return self._pages(Request("GET", "/threads", params={"assistant_id": assistant_id, "limit": limit}))

    def messages(self, thread: str, *, include: str | None = None, limit: int = 100) -> Iterator[Json]:
        """Every message of the thread, oldest first, fetched page by page."""
        params = {"include": include, "limit": limit}
        return self._pages(Request("GET", f"/threads/{thread}/messages", params=params))

    def runs(self, thread: str, *, limit: int = 100) -> Iterator[Json]:
        """Every run of the thread, newest first, fetched page by page."""
        return self._pages(Request("GET", f"/threads/{thread}/runs", params={"limit": limit}))

    def run(self, thread: str, run: str) -> Json:
        found: Json = self.request("GET", f"/threads/{thread}/runs/{run}")
        return found

    def cancel(self, thread: str, run: str) -> Json:
        """Ends the run; returns it as it ended."""
        ended: Json = self.request("POST", f"/threads/{thread}/runs/{run}/cancel")
        return ended

    def post(
        self,
        thread: str,
        content: str,
        *,
        assistant_id: str | None = None,
        idempotency_key: str | None = None,
        bypass_cache: bool = False,
    ) -> Json:
        """Posts a message and waits for the answer. Raises when the run fails."""
        return self._submit(submission(thread, content, assistant_id, idempotency_key, bypass_cache, {}))

    def start(
        self,
        thread: str,
        content: str,
        *,
        assistant_id: str | None = None,
        idempotency_key: str | None = None,
        bypass_cache: bool = False,
    ) -> Json:
        """Posts a message and returns its run at once."""
        prefer = {"Prefer": "respond-async"}
        accepted = self._submit(
            submission(thread, content, assistant_id, idempotency_key, bypass_cache, prefer)
        )
        run: Json = accepted["run"]
        return run

    def stream(
        self,
        thread: str,
        content: str,
        *,
        assistant_id: str | None = None,
        idempotency_key: str | None = None,
        bypass_cache: bool = False,
    ) -> Iterator[Event]:
        """Posts a message and yields every event of its run once, over broken connections too."""
        accept = {"Accept": "text/event-stream"}
        first = submission(thread, content, assistant_id, idempotency_key, bypass_cache, accept)
        return self._events(Progress(thread, first))

    def follow(self, thread: str, run: str, *, after: int = 0) -> Iterator[Event]:
        """The events of a run behind number ``after``: what there is, then what comes."""
        return self._events(Progress(thread, None, run, after))

    def request(self, method: str, path: str, body: Any = None, params: Json | None = None) -> Any:
        """Any route below ``/api/v1``, for what has no method here."""
        with self._send(Request(method, path, body, params or {})) as response:
            return _decoded(response)

    def _submit(self, request: Request) -> Json:
        failures = 0
        while True:
            try:
                with self._send(request) as response:
                    answer: Json = _decoded(response)
                    return answer
            except ColloquyError as error:
                time.sleep(pause(error, failures, self._retries))
            failures += 1

    def _events(self, progress: Progress) -> Iterator[Event]:
        while True:
            try:
                with self._send(progress.request()) as response:
                    decoder = Decoder()
                    for text in response.iter_text():
                        for event in decoder.feed(text):
                            is_last = progress.advance(event)
                            yield event
                            if is_last:
                                return
                raise Progress.broken()
            except ColloquyError as error:
                time.sleep(pause(error, progress.failures, self._retries))
            progress.failures += 1

    def _pages(self, request: Request | None) -> Iterator[Json]:
        while request is not None:
            with self._send(request) as response:
                page = _decoded(response)
                request = next_page(response)
            for element in page:
                yield element

    @contextmanager
    def _send(self, request: Request) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(**request.arguments(self.token)) as response:
                if response.is_error:
                    response.read()
                    raise refusal(response)
                yield response
        except httpx.TransportError as cause:
            raise unreachable(cause) from cause


def _decoded(response: httpx.Response) -> Any:
    response.read()
    return None if response.status_code == 204 else response.json()
