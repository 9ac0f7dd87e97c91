"""The service's in-process cache."""

import time
from typing import Any


class Cache:
    """Values that are forgotten after their time, or before it when there are too many."""

    def __init__(self, ttl_s: float = 30.0, max_entries: int = 1000) -> None:
        self._ttl_s = ttl_s
        self._max_entries = max_entries
        self._entries: dict[str, tuple[float, Any]] = {}

    def get(self, key: str) -> Any | None:
        """The value, None when there is none or its time is over."""
        expires, value = self._entries.get(key, (0.0, None))
        if time.monotonic() < expires:
            return value
        self._entries.pop(key, None)
        return None

    def set(self, key: str, value: Any) -> None:
        self._entries.pop(key, None)
        while len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (time.monotonic() + self._ttl_s, value)
