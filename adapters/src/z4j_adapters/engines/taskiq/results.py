"""What TaskIQ's workers store of runs, read without consuming it."""

from __future__ import annotations

import io
import json
import math
import pickle
import time
from collections.abc import Sequence
from typing import Any

from taskiq.serializers import PickleSerializer
from taskiq_redis import RedisAsyncResultBackend, RedisAsyncSentinelResultBackend

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.engines.taskiq.connect import redis_client

__all__ = ["ResultStore", "kept_s", "readable_backend"]

PROGRESS_SUFFIX = "__progress"  # taskiq_redis.redis_backend.PROGRESS_KEY_SUFFIX


def kept_s(backend: Any) -> float:
    """How long the backend keeps results, in seconds."""
    return (backend.result_px_time or 0) / 1000 or backend.result_ex_time or math.inf


def readable_backend(backend: Any) -> bool:
    """Whether `ResultStore` can read what the backend stores."""
    return isinstance(backend, (RedisAsyncResultBackend, RedisAsyncSentinelResultBackend))


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
        self._client = redis_client(backend)
        self._serializer = backend.serializer
        self._head = f"{backend.prefix_str}:" if backend.prefix_str is not None else ""
        self._kept_ms: int = backend.result_px_time or 1000 * (backend.result_ex_time or 0)

    def read(self, fire_ids: Sequence[str]) -> list[Sighting]:
        """Say what is stored of these.

        A result says how long the run took and not when it began: that it ran is told with it.
        """
        now_s = time.time()
        values = self._client.mget([self._head + i for i in fire_ids]) if fire_ids else []
        loaded = {i: self._load(value) for i, value in zip(fire_ids, values, strict=True)}
        ended = [fire_id for fire_id, stored in loaded.items() if "is_err" in stored]
        seen: list[Sighting] = []
        for fire_id, age_s in zip(ended, self._ages_s(ended), strict=True):
            seen += _sightings(fire_id, loaded[fire_id], now_s - age_s)
        return seen + self._starts([i for i in fire_ids if "is_err" not in loaded[i]], now_s)

    def _ages_s(self, fire_ids: Sequence[str]) -> list[float]:
        """How long ago results were stored, as their time to live tells; 0 if they have none."""
        if not self._kept_ms or not fire_ids:
            return [0.0] * len(fire_ids)
        pipe = self._client.pipeline(transaction=False)
        for fire_id in fire_ids:
            pipe.pttl(self._head + fire_id)
        left = (
            max(0, min(ms, self._kept_ms)) if ms >= 0 else self._kept_ms for ms in pipe.execute()
        )
        return [(self._kept_ms - ms) / 1000 for ms in left]

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


def _sightings(fire_id: str, stored: dict[str, Any], ended_s: float) -> list[Sighting]:
    began_s = ended_s - float(stored.get("execution_time") or 0.0)
    failed = bool(stored["is_err"])
    state = OutcomeState.FAILED if failed else OutcomeState.SUCCEEDED
    error = error_text(stored.get("error")) if failed else ""
    return [
        Sighting(fire_id, OutcomeState.RUNNING, began_s),
        Sighting(fire_id, state, ended_s, error),
    ]


def error_text(error: Any) -> str:
    """Write a stored error as Python would: "ValueError: as it should"."""
    if not isinstance(error, dict):
        return "" if error is None else str(error)
    kind, message = error.get("exc_type", "Exception"), error.get("exc_message")
    if isinstance(message, (list, tuple)):
        message = ", ".join(str(part) for part in message)
    return f"{kind}: {message}" if message else str(kind)
