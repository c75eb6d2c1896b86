"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import httpx

from ._protocol import (
    ColloquyError,
    Decoder,
    Event,
    Json,
    Page,
    Progress,
    Request,
    options,
    page,
    pause,
    refusal,
    submission,
    unreachable,
)


class AsyncColloquy:
    """Use as ``async with AsyncColloquy(url) as client``.

    ``token`` is a session token or an API key; ``retries`` limits consecutive failures before a call
    gives up.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        retries: int = 8,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.token = token
        self._retries = retries
        self._http = httpx.AsyncClient(transport=transport, **options(base_url))

    async def __aenter__(self) -> AsyncColloquy:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; the session stays valid."""
        await self._http.aclose()

    async def sign_in(self, email: str, password: str) -> Json:
        """Signs in and uses the session's token from now on."""
        session: Json = await self.request("POST", "/auth/login", {"username": email, "password": password})
        self.token = session["access_token"]
        return session

    async def sign_out(self) -> None:
        """Ends the session on the server."""
        await self.request("POST", "/auth/logout")
        self.token = None

    async def me(self) -> Json:
        """The signed-in user."""
        user: Json = await self.request("GET", "/users/me")
        return user

    async def assistants(self, *, skip: int = 0, limit: int = 100) -> list[Json]:
        """A page of the assistants visible to the caller, sorted by name."""
        params = {"skip": skip, "limit": limit}
        page: list[Json] = await self.request("GET", "/assistants", params=params)
        return page

    async def assistant(self, assistant: str) -> Json:
        """By ID or slug."""
        found: Json = await self.request("GET", f"/assistants/{assistant}")
        return found

    async def create_thread(self, **fields: Any) -> Json:
        """Accepts ``name`` and ``assistant_id``."""
        thread: Json = await self.request("POST", "/threads", fields)
        return thread

    async def thread(self, thread: str) -> Json:
        found: Json = await self.request("GET", f"/threads/{thread}")
        return found

    async def update_thread(self, thread: str, **changes: Any) -> Json:
        changed: Json = await self.request("PATCH", f"/threads/{thread}", changes)
        return changed

    async def delete_thread(self, thread: str) -> None:
        await self.request("DELETE", f"/threads/{thread}")

    def threads(
        self, *, assistant_id: str | None = None, order: str | None = None, limit: int = 100
    ) -> AsyncIterator[Json]:
        """The caller's threads, page by page: latest activity first, or newest first (``created``)."""
        params = {"assistant_id": assistant_id, "order": order, "limit": limit}
        return self._pages(Request("GET", "/threads", params=params))

    def messages(
        self, thread: str, *, include: str | None = None, order: str | None = None, limit: int = 100
    ) -> AsyncIterator[Json]:
        """The thread's messages, page by page: oldest first, or newest first (``desc``)."""
        params = {"include": include, "order": order, "limit": limit}
        return self._pages(Request("GET", f"/threads/{thread}/messages", params=params))

    def runs(self, thread: str, *, limit: int = 100) -> AsyncIterator[Json]:
        """The thread's runs, newest first, fetched page by page."""
        return self._pages(Request("GET", f"/threads/{thread}/runs", params={"limit": limit}))

    async def run(self, thread: str, run: str) -> Json:
        found: Json = await self.request("GET", f"/threads/{thread}/runs/{run}")
        return found

    async def cancel(self, thread: str, run: str) -> Json:
        """Cancels the run and returns its final state."""
        ended: Json = await self.request("POST", f"/threads/{thread}/runs/{run}/cancel")
        return ended

    async def post(
        self,
        thread: str,
        content: str,
        *,
        assistant_id: str | None = None,
        idempotency_key: str | None = None,
        bypass_cache: bool = False,
    ) -> Json:
        """Posts a message and waits for the answer. Raises if the run fails."""
        return await self._submit(submission(thread, content, assistant_id, idempotency_key, bypass_cache, {}))

    async def start(
        self,
        thread: str,
        content: str,
        *,
        assistant_id: str | None = None,
        idempotency_key: str | None = None,
        bypass_cache: bool = False,
    ) -> Json:
        """Posts a message and returns its run without waiting."""
        prefer = {"Prefer": "respond-async"}
        accepted = await self._submit(
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
    ) -> AsyncIterator[Event]:
        """Posts a message and yields each event of its run once, reconnecting as needed."""
        accept = {"Accept": "text/event-stream"}
        first = submission(thread, content, assistant_id, idempotency_key, bypass_cache, accept)
        return self._events(Progress(thread, first))

    def follow(self, thread: str, run: str, *, after: int = 0) -> AsyncIterator[Event]:
        """A run's events after number ``after``: stored ones, then live ones."""
        return self._events(Progress(thread, None, run, after))

    async def page(self, path: str) -> Page:
        """One page of a list, for example ``/threads/{id}/messages?order=desc``."""
        async with self._send(Request("GET", path)) as response:
            return page(response, await _decoded(response))

    async def request(self, method: str, path: str, body: Any = None, params: Json | None = None) -> Any:
        """Calls any route below ``/api/v1``."""
        async with self._send(Request(method, path, body, params or {})) as response:
            return await _decoded(response)

    async def _submit(self, request: Request) -> Json:
        failures = 0
        while True:
            try:
                async with self._send(request) as response:
                    answer: Json = await _decoded(response)
                    return answer
            except ColloquyError as error:
                await asyncio.sleep(pause(error, failures, self._retries))
            failures += 1

    async def _events(self, progress: Progress) -> AsyncIterator[Event]:
        while True:
            try:
                async with self._send(progress.request()) as response:
                    decoder = Decoder()
                    async for text in response.aiter_text():
                        for event in decoder.feed(text):
                            is_last = progress.advance(event)
                            yield event
                            if is_last:
                                return
                raise Progress.broken()
            except ColloquyError as error:
                await asyncio.sleep(pause(error, progress.failures, self._retries))
            progress.failures += 1

    async def _pages(self, request: Request | None) -> AsyncIterator[Json]:
        while request is not None:
            async with self._send(request) as response:
                found = page(response, await _decoded(response))
            request = Request("GET", found.next) if found.next else None
            for element in found.items:
                yield element

    @asynccontextmanager
    async def _send(self, request: Request) -> AsyncIterator[httpx.Response]:
        try:
            async with self._http.stream(**request.arguments(self.token)) as response:
                if response.is_error:
                    await response.aread()
                    raise refusal(response)
                yield response
        except httpx.TransportError as cause:
            raise unreachable(cause) from cause


async def _decoded(response: httpx.Response) -> Any:
    await response.aread()
    return None if response.status_code == 204 else response.json()
