"""Writes the synchronous client from the asynchronous one: ``python make_sync.py``."""

from pathlib import Path

PACKAGE = Path(__file__).parent / "colloquy_client"

REPLACEMENTS = {
    '"""The asynchronous client."""': '"""The synchronous client. Made by ``make_sync.py`` from ``_async.py``."""',
    "from contextlib import asynccontextmanager": "from contextlib import contextmanager",
    "import asyncio\n": "import time\n",
    "asyncio.sleep": "time.sleep",
    "@asynccontextmanager": "@contextmanager",
    "AsyncIterator": "Iterator",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncClient": "Client",
    "AsyncColloquy": "Colloquy",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aiter_text": "iter_text",
    "aread": "read",
    "async with": "with",
    "async for": "for",
    "async def": "def",
    "await ": "",
}


def synchronous() -> str:
    """The text of ``_sync.py``."""
    text = (PACKAGE / "_async.py").read_text()
    for old, new in REPLACEMENTS.items():
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    (PACKAGE / "_sync.py").write_text(synchronous())
