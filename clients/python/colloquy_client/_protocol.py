"""Shared by both clients: requests, events, errors and retries. No I/O."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = dict[str, Any]

FINAL_EVENTS = frozenset(
    {"run.completed", "run.failed", "run.cancelled", "run.expired", "run.requires_action"}
)
_TRANSIENT = frozenset({429, 502, 503, 504})
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 8.0
#: Longer than the interval of the service's keep-alive comments on streams (15 s).
_READ_TIMEOUT = 60.0


class ColloquyError(Exception):
    """A response with a status of 400 or more, or an unreachable service (status 0)."""

    def __init__(self, status: int, problem: Json, retry_after: float | None = None) -> None:
        super().__init__(problem.get("detail") or f"HTTP status {status}")
        self.status = status
        self.code: str = problem.get("code", "unknown")
        self.errors: list[Json] = problem.get("errors", [])
        self.request_id: str | None = problem.get("request_id")
        #: The failed run; its message is stored.
        self.run_id: str | None = problem.get("run_id")
        #: Seconds.
        self.retry_after = retry_after


@dataclass(frozen=True)
class Event:
    """A run event. Ignore unknown types."""

    #: Counts from 1 within the run.
    number: int
    type: str
    data: Json


@dataclass(frozen=True)
class Request:
    """One request below ``/api/v1``."""

    method: str
    path: str
    body: Any = None
    params: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def arguments(self, token: str | None) -> Json:
        """Arguments for httpx."""
        headers = {"Accept": "application/json", **self.headers}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        params = {name: value for name, value in self.params.items() if value is not None}
        body = {} if self.body is None else {"json": self.body}
        query = {"params": params} if params else {}
        return {"method": self.method, "url": self.path, "headers": headers, **query, **body}


def options(base_url: str) -> Json:
    """Arguments for an httpx client."""
    return {
        "base_url": f"{base_url.rstrip('/')}/api/v1",
        "timeout": httpx.Timeout(10.0, read=_READ_TIMEOUT),
    }


def submission(
    thread: str,
    content: str,
    assistant_id: str | None,
    idempotency_key: str | None,
    bypass_cache: bool,
    headers: dict[str, str],
) -> Request:
    """A post with one key for all attempts, so that the message is stored once."""
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4()), **headers}
    if bypass_cache:
        headers["Cache-Control"] = "no-cache"
    message = {"content": content, "assistant_id": assistant_id}
    body = {name: value for name, value in message.items() if value is not None}
    return Request("POST", f"/threads/{thread}/messages", body, headers=headers)


def resumption(thread: str, run: str, last: int) -> Request:
    """The events of a run after number ``last``."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    return Request("GET", f"/threads/{thread}/runs/{run}/events", headers=headers)


def unreachable(cause: httpx.TransportError) -> ColloquyError:
    return ColloquyError(0, {"detail": f"The service cannot be reached: {cause or 'no answer'}"})


def refusal(response: httpx.Response) -> ColloquyError:
    """The error for a completely read response."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    seconds = response.headers.get("Retry-After", "")
    retry_after = float(seconds) if seconds.isdecimal() else None
    return ColloquyError(response.status_code, problem, retry_after)


def pause(error: ColloquyError, failures: int, retries: int) -> float:
    """Seconds to wait before the next attempt; raises ``error`` if there must be none."""
    is_transient = (error.status == 0 or error.status in _TRANSIENT) and error.run_id is None
    if not is_transient or failures >= retries:
        raise error
    backoff = min(_FIRST_PAUSE * 2.0**failures, _LONGEST_PAUSE)
    return max(backoff, error.retry_after or 0.0)


@dataclass(frozen=True)
class Page:
    """A page of a list; ``next`` and ``prev`` are the paths of its neighbours, if any."""

    items: list[Json]
    next: str | None
    prev: str | None


def page(response: httpx.Response, items: list[Json]) -> Page:
    """The page and its neighbours in ``Link: </api/v1/...>; rel="next"``."""
    links = re.findall(r'<([^>]*)>\s*;\s*rel="?(\w+)"?', response.headers.get("Link", ""))
    paths = {relation: re.sub(r"^.*?/api/v1(?=/)", "", path) for path, relation in links}
    return Page(items, paths.get("next"), paths.get("prev"))


class Decoder:
    """Incremental parser of an SSE body."""

    def __init__(self) -> None:
        self._buffer = ""

    def feed(self, text: str) -> list[Event]:
        """The events completed by this piece."""
        # Not ``splitlines``: it also splits at line separators inside JSON strings.
        *frames, self._buffer = (self._buffer + text).split("\n\n")
        events = map(_event, frames)
        return [event for event in events if event is not None]


def _event(frame: str) -> Event | None:
    fields: dict[str, list[str]] = {}
    for line in frame.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    if "data" not in fields:
        return None
    number, kind = fields["id"][-1], fields["event"][-1]
    return Event(int(number), kind, json.loads("\n".join(fields["data"])))


class Progress:
    """Position in an event stream, and the next request."""

    def __init__(self, thread: str, first: Request | None, run: str | None = None, after: int = 0) -> None:
        self._thread, self._first, self._run, self._last = thread, first, run, after
        self.failures = 0

    def request(self) -> Request:
        if self._run is not None:
            return resumption(self._thread, self._run, self._last)
        assert self._first is not None
        return self._first

    def advance(self, event: Event) -> bool:
        """Records the event; returns whether it is the last."""
        if self._run is None:
            self._run = event.data["run"]["id"]
        self._last, self.failures = event.number, 0
        return event.type in FINAL_EVENTS

    @staticmethod
    def broken() -> ColloquyError:
        return ColloquyError(0, {"detail": "The event stream ended before the run did."})
