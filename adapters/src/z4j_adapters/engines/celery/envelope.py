"""Celery messages: built once per template with Celery's own code, then filled in per fire."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import uuid4

from kombu.compression import compress

from z4j_adapters._models import Fire

__all__ = ["Envelope", "due_text", "filler"]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# What differs between fires.  A mark stands in its place while Celery builds the message; it is as
# long as what replaces it, so that serializers which write lengths stay right.
MARK_ID = str(uuid4())
MARK_TAG = str(uuid4())
MARK_EXPIRES = uuid4().hex  # 32 characters, as "2026-01-01T00:00:00.000000+00:00".
MARK_DUE = uuid4().hex
MARK_TTL = uuid4().hex
MARK_BODY = uuid4().hex
MARKS = (MARK_ID, MARK_TAG, MARK_EXPIRES, MARK_DUE, MARK_TTL, MARK_BODY)
_MARK_PATTERN = re.compile("|".join(MARKS))
_MARK_INDEX = {mark: index for index, mark in enumerate(MARKS)}


class _Values(NamedTuple):
    """What replaces MARKS, in their order."""

    id: str
    tag: str
    expires: str
    due: str
    ttl: str
    body: str


def due_text(due_us: int) -> str:
    """Write an instant as ISO 8601 with microseconds, always 32 characters."""
    return (EPOCH + timedelta(microseconds=due_us)).isoformat(timespec="microseconds")


def filler(text: str) -> Callable[[_Values], str]:
    """Make the function that puts values in place of the marks of `text`."""
    indexes = [_MARK_INDEX[mark] for mark in _MARK_PATTERN.findall(text)]
    pattern = _MARK_PATTERN.sub("%s", text.replace("%", "%%"))
    if len(indexes) < 2:  # itemgetter makes tuples only of two or more.
        return lambda values: pattern % tuple(values[i] for i in indexes)
    pick = itemgetter(*indexes)
    return lambda values: pattern % pick(values)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One template's message, complete but for what a fire brings."""

    queue: str
    """Queue name; for messages with an exchange, the routing key."""
    step: int
    """Priority step of the Redis list, 0 for the plain one."""
    exchange: str
    routing_key: str
    declare: Any
    """kombu Queue to declare before publishing, or None."""
    headers: dict[str, Any]
    """Without the fire's values, as are properties and body; all empty on Redis, where `fill` has
    them, but for a body that varies."""
    properties: dict[str, Any]
    body: bytes
    body_varies: bool
    content_type: str
    content_encoding: str
    compression: str | None
    expires_s: float | None
    """After the due time; negative marks and None: never."""
    size_bytes: int
    """Memory it takes, roughly."""
    fill: Callable[[_Values], str]
    """Makes the Redis message."""

    def redis_message(self, fire: Fire, tag: str, due: str, now_s: float) -> str:
        """Write the JSON text that a worker pops from its Redis list."""
        expires, ttl = self._expiry(fire, now_s)
        body = ""
        if self.body_varies:
            body = base64.b64encode(self._body(fire, expires)).decode()
        return self.fill(_Values(fire.id, tag, expires, due, ttl, body))

    def publish_arguments(self, fire: Fire, due: str, now_s: float) -> dict[str, Any]:
        """Make the arguments of kombu's Producer.publish.

        No TTL goes along: RabbitMQ would drop an expired message without a word, while a worker
        that finds the `expires` header says so.
        """
        expires, _ = self._expiry(fire, now_s)
        values = {MARK_ID: fire.id, MARK_EXPIRES: expires, MARK_DUE: due}
        headers = {
            key: values.get(value, value) if isinstance(value, str) else value
            for key, value in self.headers.items()
        }
        properties = {**self.properties, "correlation_id": fire.id}
        properties.pop("expiration", None)
        return {
            "body": self._body(fire, expires),
            "exchange": self.exchange,
            "routing_key": self.routing_key,
            "content_type": self.content_type,
            "content_encoding": self.content_encoding,
            "headers": headers,
            "declare": [self.declare] if self.declare is not None else [],
            **properties,
        }

    def _body(self, fire: Fire, expires: str) -> bytes:
        if not self.body_varies:
            return self.body
        body = self.body.replace(MARK_ID.encode(), fire.id.encode())
        body = body.replace(MARK_EXPIRES.encode(), expires.encode())
        return bytes(compress(body, self.compression)[0]) if self.compression else body

    def _expiry(self, fire: Fire, now_s: float) -> tuple[str, str]:
        if self.expires_s is None:
            return "", ""
        at_us = fire.due_us + round(self.expires_s * 1e6)
        return due_text(at_us), str(max(0, int(at_us / 1000 - now_s * 1000)))
