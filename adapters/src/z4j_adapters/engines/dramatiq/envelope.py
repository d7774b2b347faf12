"""Dramatiq messages: encoded once per template with Dramatiq's own code, then filled in per fire.

A worker tells nobody of a success: it removes the message, as it does for one that failed without
retries, and as flushing the queue does.  So each message carries a pipeline of two: Dramatiq's own
middleware enqueues its `pipe_target` once the task has succeeded.  Ours goes to a queue that no
worker consumes, and says which fire it was; `pipe_ignore` keeps the task's result out of it.  The
target has no message_timestamp: Dramatiq gives it that of the moment.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from dramatiq import Message, get_encoder
from dramatiq.encoder import JSONEncoder

from z4j_adapters._models import Fire

__all__ = ["NOTE_ACTOR", "NOTE_QUEUE", "Envelope", "due_text", "new_envelope"]

NOTE_QUEUE = "z4j_outcomes"
NOTE_ACTOR = "z4j.succeeded"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# What differs between fires.  A mark stands in its place while Dramatiq encodes the message.
MARK_ID, MARK_DUE, MARK_REF = str(uuid4()), uuid4().hex, uuid4().hex
MARK_TIMESTAMP, MARK_SENT = 10**17 + uuid4().int % 10**17, 2 * 10**17 + uuid4().int % 10**17
_MARKS = {
    MARK_ID: "id",
    MARK_DUE: "due",
    MARK_REF: "ref",
    str(MARK_TIMESTAMP): "timestamp",
    str(MARK_SENT): "sent",
}
_MARK_PATTERN = re.compile("|".join(_MARKS))


def due_text(due_us: int) -> str:
    """Write an instant as ISO 8601 with microseconds, always 32 characters."""
    return (EPOCH + timedelta(microseconds=due_us)).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One template's message, complete but for what a fire brings."""

    queue: str
    actor: str
    route: str
    """Queue, newline, actor."""
    priority: int | None
    """RabbitMQ's."""
    expires: bool
    size_bytes: int
    """Memory it takes, roughly."""
    message: Message[Any] | None
    """With marks; None: the text is enough, and takes a third of the memory."""
    text: str
    """%-pattern of the encoded message, if there is no message."""

    def body(self, fire: Fire, due: str, now_ms: int) -> str | bytes:
        """Write the bytes that a worker reads."""
        if self.message is not None:
            return bytes(self.filled(fire, due, now_ms).encode())
        return self.text % self._values(fire, due, now_ms)

    def filled(self, fire: Fire, due: str, now_ms: int) -> Message[Any]:
        """Make the message as an object, for middleware and other encoders; only with `message`."""
        assert self.message is not None
        values = self._values(fire, due, now_ms)
        message = self.message.asdict()
        message["options"] = _replace(message["options"], values)
        message["message_id"] = fire.id
        message["message_timestamp"] = values["timestamp"]
        return Message(**message)

    def _values(self, fire: Fire, due: str, now_ms: int) -> dict[str, Any]:
        # An actor's own max_age counts from the hand-over, a schedule's expiry from the due time.
        return {
            "id": fire.id,
            "due": due,
            "ref": base64.b64encode(fire.ref).decode(),
            "timestamp": fire.due_us // 1000 if self.expires else now_ms,
            "sent": now_ms,
        }


def new_envelope(
    *,
    queue: str,
    actor: str,
    schedule: str,
    call: tuple[list[Any], dict[str, Any]],
    options: dict[str, Any],
    is_redis: bool,
    with_note: bool,
    as_object: bool,
) -> Envelope:
    """Build a template's envelope.

    Args:
        as_object: Whether `filled` is wanted: else the message is kept as text, if it is JSON.
    Raises:
        Exception: Whatever the encoder raises for the arguments.
    """
    options = {
        **options,
        "z4j_schedule": schedule,
        "z4j_due_at": MARK_DUE,
        "z4j_sent_ms": MARK_SENT,
    }
    if with_note:
        options["pipe_target"] = _note(is_redis)
    if is_redis:
        options["redis_message_id"] = MARK_ID
    else:
        options["z4j_ref"] = MARK_REF
    args, kwargs = call
    message: Message[Any] = Message(
        queue, actor, tuple(args), kwargs, options, MARK_ID, MARK_TIMESTAMP
    )
    encoded = message.encode()
    text = ""
    if type(get_encoder()) is JSONEncoder and not as_object:
        text = encoded.decode().replace("%", "%%")
        text = _MARK_PATTERN.sub(lambda mark: f"%({_MARKS[mark[0]]})s", text)
    return Envelope(
        queue=queue,
        actor=actor,
        route=f"{queue}\n{actor}",
        priority=options.get("broker_priority"),
        expires="max_age" in options,
        size_bytes=1000 + len(encoded) if text else 2000 + 3 * len(encoded),
        message=None if text else message,
        text=text,
    )


def _note(is_redis: bool) -> dict[str, Any]:
    """What a worker enqueues when the task has succeeded.

    On RabbitMQ a worker begins to consume each queue that it publishes to, and each one's delay
    queue, but never a dead-letter queue.
    """
    options: dict[str, Any] = {"pipe_ignore": True}
    if not is_redis:
        options["z4j_ref"] = MARK_REF
    return {
        "queue_name": NOTE_QUEUE if is_redis else f"{NOTE_QUEUE}.XQ",
        "actor_name": NOTE_ACTOR,
        "args": [],
        "kwargs": {},
        "options": options,
        "message_id": MARK_ID,
    }


def _replace(value: Any, values: dict[str, Any]) -> Any:
    """Put a fire's values in place of marks, in a copy."""
    if isinstance(value, dict):
        return {key: _replace(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, values) for item in value]
    name = _MARKS.get(str(value)) if isinstance(value, (str, int)) else None
    return value if name is None else values[name]
