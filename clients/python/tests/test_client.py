"""Both clients against the real service: ``scripts/clients.sh`` starts one."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from colloquy_client import AsyncColloquy, Colloquy, ColloquyError, Event

sys.path.insert(0, str(Path(__file__).parents[1]))
import make_sync  # noqa: E402

BASE = os.environ["BASE"]
WORDS = " ".join(f"word{number}\u2028" for number in range(200))


@pytest.fixture(scope="session")
def client() -> Iterator[Colloquy]:
    with Colloquy(BASE) as client:
        client.sign_in(os.environ["EMAIL"], os.environ["PASSWORD"])
        yield client
        client.sign_out()
        with pytest.raises(ColloquyError) as refused:
            client.me()
        assert refused.value.status == 401


@pytest.fixture
def thread(client: Colloquy) -> str:
    return str(client.create_thread(assistant_id="demo")["id"])


class CuttingProxy:
    """Cuts the first ``cuts`` connections whose response reaches ``size`` at that byte."""

    def __init__(self, size: int, cuts: int) -> None:
        self._size, self.left = size, cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            address = urlsplit(BASE)
            upstream = socket.create_connection((address.hostname, address.port))
            threading.Thread(target=self._copy, args=(client, upstream), daemon=True).start()
            threading.Thread(target=self._answer, args=(upstream, client), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(4096):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _answer(self, upstream: socket.socket, client: socket.socket) -> None:
        room = self._size if self.left > 0 else sys.maxsize
        try:
            while room > 0 and (data := upstream.recv(4096)):
                client.sendall(data[:room])
                room -= len(data)
            self.left -= room <= 0
        except OSError:
            pass
        for end in (client, upstream):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


def text_of(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.type == "message.delta")


def test_the_synchronous_client_is_made_from_the_asynchronous_one() -> None:
    assert (make_sync.PACKAGE / "_sync.py").read_text() == make_sync.synchronous()


def test_post_waits_for_the_answer(client: Colloquy, thread: str) -> None:
    answer = client.post(thread, "Is anybody there?", assistant_id="demo")
    assert answer["output"] == "Echo: Is anybody there?"


def test_a_stream_yields_each_event_once(client: Colloquy, thread: str) -> None:
    events = list(client.stream(thread, WORDS, assistant_id="demo"))
    assert text_of(events) == events[-1].data["output"] == f"Echo: {WORDS}"
    numbers = [event.number for event in events]
    assert numbers == sorted(set(numbers))


def test_a_stream_survives_connections_that_break(client: Colloquy, thread: str) -> None:
    proxy = CuttingProxy(size=6_000, cuts=2)
    with Colloquy(proxy.url, client.token) as through:
        events = list(through.stream(thread, WORDS, assistant_id="demo"))
    assert proxy.left == 0
    assert text_of(events) == f"Echo: {WORDS}"


def test_a_post_whose_answer_was_lost_is_stored_once(client: Colloquy, thread: str) -> None:
    proxy = CuttingProxy(size=1, cuts=2)
    with Colloquy(proxy.url, client.token) as through:
        through.post(thread, "Once", assistant_id="demo")
    contents = [message["content"] for message in client.messages(thread, limit=1)]
    assert contents == ["Once", "Echo: Once"]


def test_a_run_is_followed_from_any_event(client: Colloquy, thread: str) -> None:
    run = client.start(thread, "Later", assistant_id="demo")
    events = list(client.follow(thread, run["id"]))
    assert list(client.follow(thread, run["id"], after=events[1].number)) == events[2:]
    assert client.cancel(thread, run["id"])["status"] == "completed"
    assert [run["id"] for run in client.runs(thread)] == [run["id"]]


def test_pages_lead_in_both_directions(client: Colloquy, thread: str) -> None:
    for content in ["one", "two", "three"]:
        client.post(thread, content)
    newest = client.page(f"/threads/{thread}/messages?order=desc&limit=2")
    assert [message["content"] for message in newest.items] == ["Echo: three", "three"]
    assert newest.prev is None and newest.next is not None
    older = client.page(newest.next)
    assert [message["content"] for message in older.items] == ["Echo: two", "two"]
    assert older.prev is not None and client.page(older.prev).items == newest.items
    contents = [message["content"] for message in client.messages(thread, order="desc", limit=4)]
    assert contents == ["Echo: three", "three", "Echo: two", "two", "Echo: one", "one"]
    latest = next(iter(client.threads(limit=1)))
    assert (latest["id"], latest["name"]) == (thread, "one")


def test_an_error_names_its_fields(client: Colloquy) -> None:
    with pytest.raises(ColloquyError) as refused:
        client.create_thread(nmae="A typing error")
    assert (refused.value.status, refused.value.code) == (422, "validation_error")
    assert refused.value.errors[0]["field"] == "nmae"


def test_a_service_that_is_away_is_an_error_with_status_0() -> None:
    with Colloquy("http://127.0.0.1:1", retries=1) as nowhere:
        with pytest.raises(ColloquyError) as failed:
            nowhere.post("thread", "?")
    assert failed.value.status == 0
    assert isinstance(failed.value.__cause__, httpx.ConnectError)


def test_the_asynchronous_client_does_the_same(client: Colloquy, thread: str) -> None:
    async def converse() -> list[Event]:
        async with AsyncColloquy(BASE, client.token) as other:
            assert (await other.me())["email"] == os.environ["EMAIL"]
            events = [event async for event in other.stream(thread, WORDS, assistant_id="demo")]
            contents = [message["content"] async for message in other.messages(thread, limit=1)]
            assert contents == [WORDS, f"Echo: {WORDS}"]
            return events

    assert text_of(asyncio.run(converse())) == f"Echo: {WORDS}"
