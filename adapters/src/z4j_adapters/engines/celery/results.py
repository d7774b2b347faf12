"""What a result backend has stored of tasks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from celery.backends.base import DisabledBackend
from celery.backends.rpc import RPCBackend

from z4j_adapters._errors import ConfigurationError
from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.tracker import Sighting

__all__ = ["ResultReader", "failed_or_lost", "readable_backend", "sighting_of_payload"]

# A backend that reads one result at a time needs some milliseconds for each.
SWEEP_IDS_BATCHED, SWEEP_IDS_SINGLE = 1000, 100


def readable_backend(app: Any) -> Any:
    """Return the app's result backend, or None if it has none that others than the caller can read.

    Raises:
        ConfigurationError: It cannot be loaded.
    """
    try:
        backend = app.backend
    except Exception as error:
        raise ConfigurationError(f"result backend: {type(error).__name__}: {error}") from error
    # rpc:// sends results to whoever sent the task, as messages that can be read once.
    return None if isinstance(backend, (DisabledBackend, RPCBackend)) else backend


class ResultReader:
    """Reads stored states, in one round trip where the backend is Redis.  One thread only."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.is_redis = _is_redis(backend)
        self.sweep_ids_max = SWEEP_IDS_BATCHED if self.is_redis else SWEEP_IDS_SINGLE

    def look_up(self, fire_ids: Sequence[str]) -> list[Sighting]:
        """Read what is stored of some tasks.  Blocks; raises what the backend's library raises."""
        if self.is_redis:
            keys = [self._backend.get_key_for_task(fire_id) for fire_id in fire_ids]
            values = self._backend.client.mget(keys)
            found = (sighting_of_payload(self._backend, value) for value in values if value)
        else:
            metas = (self._backend.get_task_meta(fire_id, cache=False) for fire_id in fire_ids)
            found = (
                _sighting(fire_id, meta) for fire_id, meta in zip(fire_ids, metas, strict=True)
            )
        return [sighting for sighting in found if sighting is not None]


def _is_redis(backend: Any) -> bool:
    try:
        from celery.backends.redis import RedisBackend
    except ImportError:
        return False
    return isinstance(backend, RedisBackend)


def sighting_of_payload(backend: Any, payload: bytes) -> Sighting | None:
    """Read the bytes that a Redis backend stores or publishes; None if they say nothing new."""
    try:
        meta = json.loads(payload) if backend.serializer == "json" else backend.decode(payload)
        return _sighting(str(meta["task_id"]), meta)
    except Exception:
        return None  # Another's data under a key or on a channel of that name.


def _sighting(fire_id: str, meta: dict[str, Any]) -> Sighting | None:
    status, result = meta["status"], meta.get("result")
    state, error = None, ""
    if status == "STARTED":
        state = OutcomeState.RUNNING
    elif status == "SUCCESS":
        state = OutcomeState.SUCCEEDED
    elif status == "FAILURE":
        error = _error_text(result)
        state = failed_or_lost(error)
    elif status == "REVOKED":
        expired = "expired" in _error_text(result)
        state = OutcomeState.EXPIRED if expired else OutcomeState.CANCELLED
    if state is None:
        return None
    worker = ""
    if status == "STARTED" and isinstance(result, dict):
        worker = str(result.get("hostname", ""))
    return Sighting(fire_id, state, _seconds(meta.get("date_done")), error, worker)


def failed_or_lost(error: str) -> OutcomeState:
    """A child process that was killed is no failure of the task."""
    return OutcomeState.LOST if error.startswith("WorkerLostError") else OutcomeState.FAILED


def _error_text(result: Any) -> str:
    if not isinstance(result, dict):
        return repr(result)
    message = result.get("exc_message")
    if isinstance(message, (list, tuple)):
        message = ", ".join(str(part) for part in message)
    return f"{result.get('exc_type', 'Exception')}({message})"


def _seconds(date_done: Any) -> float:
    done = date_done
    if isinstance(date_done, str):
        try:
            done = datetime.fromisoformat(date_done)
        except ValueError:
            done = None
    if not isinstance(done, datetime):
        return time.time()
    return (done if done.tzinfo else done.replace(tzinfo=timezone.utc)).timestamp()
