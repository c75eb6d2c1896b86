"""Holds a conversation with a client that openapi-python-client made from the API's document.

Needs BASE, EMAIL and PASSWORD, and a server with the demo assistant.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator

import httpx
from colloquy_generated import AuthenticatedClient
from colloquy_generated.api.messages import list_messages, post_message
from colloquy_generated.api.threads import create_thread, list_threads
from colloquy_generated.models import (
    Accepted,
    Answered,
    CreateMessage,
    CreateThread,
    ListMessagesOrder,
    MessageCompletedEvent,
    MessageDeltaEvent,
    Problem,
    RoundEndedEvent,
    RunCancelledEvent,
    RunCompletedEvent,
    RunExpiredEvent,
    RunFailedEvent,
    RunRequiresActionEvent,
    RunResumedEvent,
    RunStartedEvent,
    Session,
    Thread,
    ToolCalledEvent,
    ToolReturnedEvent,
    ToolsRequestedEvent,
)

BASE = os.environ["BASE"]
EVENTS = {
    "run.started": RunStartedEvent,
    "message.delta": MessageDeltaEvent,
    "tools.requested": ToolsRequestedEvent,
    "tool.called": ToolCalledEvent,
    "tool.returned": ToolReturnedEvent,
    "round.ended": RoundEndedEvent,
    "message.completed": MessageCompletedEvent,
    "run.requires_action": RunRequiresActionEvent,
    "run.resumed": RunResumedEvent,
    "run.completed": RunCompletedEvent,
    "run.failed": RunFailedEvent,
    "run.cancelled": RunCancelledEvent,
    "run.expired": RunExpiredEvent,
}
Event = (
    RunStartedEvent
    | MessageDeltaEvent
    | ToolsRequestedEvent
    | ToolCalledEvent
    | ToolReturnedEvent
    | RoundEndedEvent
    | MessageCompletedEvent
    | RunRequiresActionEvent
    | RunResumedEvent
    | RunCompletedEvent
    | RunFailedEvent
    | RunCancelledEvent
    | RunExpiredEvent
)


def sign_in(email: str, password: str) -> AuthenticatedClient:
    # The generator writes no valid code for a body of two media types (0.29.1).
    body = {"username": email, "password": password}
    session = Session.from_dict(httpx.post(f"{BASE}/api/v1/auth/login", json=body).json())
    return AuthenticatedClient(base_url=BASE, token=session.access_token)


def frames(response: httpx.Response) -> Iterator[dict[str, object]]:
    frame: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(":")
        if name:
            frame[name] = value.removeprefix(" ")
        elif "data" in frame:
            yield {**frame, "data": json.loads(frame["data"])}
            frame = {}


def stream(client: AuthenticatedClient, thread: uuid.UUID, content: str) -> Iterator[Event]:
    """The events of a new run. The generated function has no streaming form, but builds the request."""
    request = post_message._get_kwargs(thread_id=thread, body=CreateMessage(content=content))
    request["headers"]["Accept"] = "text/event-stream"
    with client.get_httpx_client().stream(**request) as response:
        assert response.status_code == 200, response.read()
        for frame in frames(response):
            yield EVENTS[str(frame["event"])].from_dict(frame)


def main() -> None:
    client = sign_in(os.environ["EMAIL"], os.environ["PASSWORD"])

    thread = create_thread.sync(client=client, body=CreateThread(assistant_id="demo"))
    assert isinstance(thread, Thread), thread

    answer = post_message.sync(
        client=client, thread_id=thread.id, body=CreateMessage(content="Is anybody there?")
    )
    assert isinstance(answer, Answered), answer
    assert answer.run.status.value == "completed"

    asked_at = time.perf_counter()
    first_token = None
    text = ""
    for event in stream(client, thread.id, "One more thing"):
        match event:
            case MessageDeltaEvent(data=delta):
                first_token = first_token or time.perf_counter() - asked_at
                text += delta.text
            case RunCompletedEvent(data=completed):
                assert completed.output == text, (completed.output, text)
    assert text and first_token is not None

    later = post_message.sync(
        client=client,
        thread_id=thread.id,
        body=CreateMessage(content="Do not wait", assistant_id="demo"),
        prefer="respond-async",
    )
    assert isinstance(later, Accepted), later

    newest = list_messages.sync(
        client=client, thread_id=thread.id, order=ListMessagesOrder.DESC, limit=1000
    )
    assert isinstance(newest, list), newest
    assert newest[-1].content == "Is anybody there?"

    threads = list_threads.sync(client=client, limit=1)
    assert isinstance(threads, list), threads
    assert threads[0].id == thread.id and threads[0].name == "Is anybody there?"
    assert threads[0].last_message_at >= thread.created_at

    missing = post_message.sync(
        client=client, thread_id=uuid.uuid4(), body=CreateMessage(content="Hello")
    )
    assert isinstance(missing, Problem) and missing.code.value == "entity_not_found", missing
    print(f"first token after {1000 * first_token:.0f} ms")


main()
