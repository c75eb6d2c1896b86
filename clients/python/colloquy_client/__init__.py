"""Client of the Colloquy API, sync and async."""

from ._async import AsyncColloquy
from ._protocol import ColloquyError, Event, Json, Page
from ._sync import Colloquy

__all__ = ["AsyncColloquy", "Colloquy", "ColloquyError", "Event", "Json", "Page"]
