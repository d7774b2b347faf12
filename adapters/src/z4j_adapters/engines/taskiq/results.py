"""What TaskIQ's workers store of runs, read without consuming it."""

from __future__ import annotations

import io
import json
import pickle
import time
from collections.abc import Sequence
from typing import Any

from taskiq.serializers import PickleSerializer
from taskiq_redis import RedisAsyncResultBackend

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.engines.taskiq.broker import redis_client

__all__ = ["ResultStore", "readable_backend"]

PROGRESS_SUFFIX = "__progress"  # taskiq_redis.redis_backend.PROGRESS_KEY_SUFFIX


def readable_backend(backend: Any) -> bool:
    """Whether `ResultStore` can read what the backend stores."""
    return isinstance(backend, RedisAsyncResultBackend)


class _Inert:
    """Stands for whatever class a pickle names: it keeps nothing and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Inert:
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Of pickled lists' subclasses."""

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class _InertUnpickler(pickle.Unpickler):
    """A pickle may call whatever it names; here it gets plain values and nothing to call."""

    def find_class(self, module: str, name: str) -> Any:
        return type(name, (_Inert,), {"__module__": module})


class ResultStore:
    """Reads a taskiq-redis result backend.  Blocks; redis-py's errors are the caller's."""

    def __init__(self, backend: Any) -> None:
        self._client = redis_client(backend.redis_pool)
        self._serializer = backend.serializer
        self._head = f"{backend.prefix_str}:" if backend.prefix_str is not None else ""

    def read(self, fire_ids: Sequence[str]) -> list[Sighting]:
        """Say what is stored of these.

        A result says how long the run took and not when it began: that it ran is told with it.
        """
        now_s = time.time()
        ends = self._client.mget([self._head + i for i in fire_ids]) if fire_ids else []
        seen: list[Sighting] = []
        unfinished: list[str] = []
        for fire_id, value in zip(fire_ids, ends, strict=True):
            stored = self._load(value)
            if "is_err" not in stored:
                unfinished.append(fire_id)
                continue
            began_s = now_s - float(stored.get("execution_time") or 0.0)
            seen.append(Sighting(fire_id, OutcomeState.RUNNING, began_s))
            failed = bool(stored["is_err"])
            state = OutcomeState.FAILED if failed else OutcomeState.SUCCEEDED
            error = error_text(stored.get("error")) if failed else ""
            seen.append(Sighting(fire_id, state, now_s, error))
        return seen + self._starts(unfinished, now_s)

    def _starts(self, fire_ids: Sequence[str], now_s: float) -> list[Sighting]:
        """Tasks that keep a ProgressTracker say that they run."""
        keys = [f"{self._head}{fire_id}{PROGRESS_SUFFIX}" for fire_id in fire_ids]
        values = self._client.mget(keys) if keys else []
        return [
            Sighting(fire_id, OutcomeState.RUNNING, now_s)
            for fire_id, value in zip(fire_ids, values, strict=True)
            if value is not None
        ]

    def close(self) -> None:
        """Close connections.  Idempotent."""
        self._client.close()

    def _load(self, value: bytes | None) -> dict[str, Any]:
        """Read a stored value; empty if it is none of TaskIQ's."""
        if value is None:
            return {}
        try:
            if value[:1] == b"\x80" and type(self._serializer) is PickleSerializer:
                loaded = _InertUnpickler(io.BytesIO(value)).load()
            elif value[:1] == b"{":
                loaded = json.loads(value)
            else:
                loaded = self._serializer.loadb(value)
        except Exception:
            return {}
        return loaded if isinstance(loaded, dict) else {}


def error_text(error: Any) -> str:
    """Write a stored error as Python would: "ValueError: as it should"."""
    if not isinstance(error, dict):
        return "" if error is None else str(error)
    message = error.get("exc_message")
    if isinstance(message, (list, tuple)):
        message = ", ".join(str(part) for part in message)
    return (
        f"{error.get('exc_type', 'Exception')}: {message}"
        if message
        else str(error.get("exc_type", "Exception"))
    )
