"""Cancelling: a waiting job leaves its queue; a running one is stopped by its worker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import redis
from arq.constants import (
    abort_jobs_ss,
    in_progress_key_prefix,
    job_key_prefix,
    result_key_prefix,
    retry_key_prefix,
)
from arq.jobs import serialize_result

from z4j_adapters._errors import ControlFailed
from z4j_adapters.engines.arq.app import ArqApp
from z4j_adapters.engines.arq.results import REMOVED

__all__ = ["REMOVED_TTL_MS", "Control", "cancelled_result"]

REMOVED_TTL_MS = 86_400_000

# KEYS: queue, in-progress, result, job and retry key.  ARGV: id, the result to leave, its time to
# live in ms.  The order is a worker's: in progress first, whatever else is there.
REMOVE_SCRIPT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 'running' end
if redis.call('EXISTS', KEYS[3]) == 1 then return 'ended' end
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 'gone' end
redis.call('DEL', KEYS[4], KEYS[5])
redis.call('PSETEX', KEYS[3], ARGV[3], ARGV[2])
return 'removed'
"""


class Control:
    """All methods block.  One thread only."""

    def __init__(self, app: ArqApp) -> None:
        self._app = app
        self._client: Any = None

    def remove(self, fire_id: str, queue: str) -> str:
        """Take a job out of its queue and leave the result that arq's own abort would leave.

        Returns:
            removed, running, ended or gone; only the first did anything.
        Raises:
            ControlFailed: Redis does not answer.
        """
        prefixes = in_progress_key_prefix, result_key_prefix, job_key_prefix, retry_key_prefix
        keys = [queue, *(prefix + fire_id for prefix in prefixes)]
        now_ms = round(time.time() * 1000)
        with self._errors() as client:
            left = cancelled_result(self._app, fire_id, queue, now_ms)
            said = client.eval(REMOVE_SCRIPT, len(keys), *keys, fire_id, left, REMOVED_TTL_MS)
        return str(said.decode())

    def ask_abort(self, fire_id: str) -> None:
        """Ask the worker that runs the job to stop it.

        Raises:
            ControlFailed: Redis does not answer.
        """
        with self._errors() as client:
            client.zadd(abort_jobs_ss, {fire_id: round(time.time() * 1000)})

    def is_asked(self, fire_id: str) -> bool:
        """Whether no worker has taken the request yet.

        Raises:
            ControlFailed: Redis does not answer.
        """
        with self._errors() as client:
            return client.zscore(abort_jobs_ss, fire_id) is not None

    def withdraw(self, fire_id: str) -> bool:
        """Take the request back; False: it was taken meanwhile.

        Raises:
            ControlFailed: Redis does not answer.
        """
        with self._errors() as client:
            return bool(client.zrem(abort_jobs_ss, fire_id))

    def close(self) -> None:
        """Close connections.  Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[Any]:
        try:
            if self._client is None:
                self._client = self._app.connect()
            yield self._client
        except (OSError, redis.RedisError) as error:
            self.close()
            raise ControlFailed(f"redis: {error or type(error).__name__}") from error


def cancelled_result(app: ArqApp, fire_id: str, queue: str, now_ms: int) -> bytes:
    """Write the result that arq's own abort would leave.

    Raises:
        ControlFailed: The app's serializer cannot.
    """
    # Not every serializer of a user's can write an exception; each can write a text.
    serializer = app.serializer
    why = asyncio.CancelledError(REMOVED) if serializer is None else REMOVED
    result: bytes | None = serialize_result(
        "<unknown>",
        (),
        {},
        1,
        now_ms,
        False,
        why,
        now_ms,
        now_ms,
        fire_id,
        queue,
        fire_id,
        serializer=serializer,
    )
    if result is None:
        raise ControlFailed("the app's job_serializer cannot write a result")
    return result
