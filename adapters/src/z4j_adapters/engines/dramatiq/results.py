"""What the Results middleware has stored of runs, read without taking it away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dramatiq import Message
from dramatiq.results import ResultFailure, ResultMissing

__all__ = ["StoredResults"]


class StoredResults:
    """Blocks; belongs to one thread."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        # Of Dramatiq's backends only that on Redis keeps results in lists.
        names = {cls.__name__ for cls in type(backend).__mro__}
        self._is_redis = "RedisBackend" in names

    def read(self, routes: Mapping[str, str]) -> dict[str, tuple[str, str] | None]:
        """Find results by fire id: None for a success, error type and message for a failure.

        Raises:
            Exception: The backend does not answer.
        """
        messages = [_message(fire_id, route) for fire_id, route in routes.items()]
        if not self._is_redis:
            return self._read_each(messages)
        pipe = self._backend.client.pipeline(transaction=False)
        for message in messages:
            pipe.lindex(self._backend.build_message_key(message), 0)
        found: dict[str, tuple[str, str] | None] = {}
        for message, data in zip(messages, pipe.execute(), strict=True):
            if data is not None:
                found[message.message_id] = self._failure_in(self._backend.encoder.decode(data))
        return found

    def _read_each(self, messages: Sequence[Message[Any]]) -> dict[str, tuple[str, str] | None]:
        found: dict[str, tuple[str, str] | None] = {}
        for message in messages:
            try:
                self._backend.get_result(message, block=False)
                found[message.message_id] = None
            except ResultMissing:
                continue
            except ResultFailure as failure:
                found[message.message_id] = _type_and_text(failure)
        return found

    def _failure_in(self, stored: Any) -> tuple[str, str] | None:
        try:
            self._backend.unwrap_result(stored)
        except ResultFailure as failure:
            return _type_and_text(failure)
        return None


def _message(fire_id: str, route: str) -> Message[Any]:
    queue, _, actor = route.partition("\n")
    return Message(queue, actor, (), {}, {}, fire_id)


def _type_and_text(failure: Any) -> tuple[str, str]:
    return str(failure.orig_exc_type), str(failure.orig_exc_msg)
