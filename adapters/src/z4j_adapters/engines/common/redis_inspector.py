"""An inspector's connection to Redis."""

from __future__ import annotations

import abc
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import redis

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters.engines.common.inspector import Inspector

__all__ = ["PART_BYTES_MAX", "RedisInspector"]

PART_BYTES_MAX = 4 * 1024 * 1024
"""Of messages read for one part of a purge; the first is read whatever its size."""


class RedisInspector(Inspector, abc.ABC):
    """Its two threads share a client, which is closed after an error and made again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None

    @abc.abstractmethod
    def _open(self) -> Any:
        """Make the client, of redis-py, that returns bytes and gives up early."""

    def close(self) -> None:
        """See Inspector."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    def _failures(self) -> tuple[type[BaseException], ...]:
        """Name what the client raises when the broker does not answer."""
        return (OSError, redis.RedisError)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            with self._lock:
                if self._client is None:
                    self._client = self._open()
                client = self._client
            yield client
        except self._failures() as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error
