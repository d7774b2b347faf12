"""Celery messages: built once per template with Celery's own code, then filled in per fire."""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import uuid4

from kombu.compression import compress
from kombu.entity import maybe_delivery_mode
from kombu.exceptions import EncodeError
from kombu.serialization import dumps
from kombu.utils.json import dumps as json_dumps

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import Fire, TaskTemplate
from z4j_adapters.engines.celery.options import celery_priority, read_options

__all__ = ["Envelope", "EnvelopeFactory", "due_text"]

ENVELOPES_MAX = 20_000  # ~3 KB each; one more costs ~0.1 ms to build again.
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


def _filler(text: str) -> Callable[[_Values], str]:
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
    properties: dict[str, Any]
    body: bytes
    body_varies: bool
    content_type: str
    content_encoding: str
    compression: str | None
    expires_s: float | None
    """After the due time; negative marks and None: never."""
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


class EnvelopeFactory:
    """Builds envelopes as `send_task` would send, and keeps them.  One thread only."""

    def __init__(self, app: Any, *, redis: bool, allowed_queues: tuple[str, ...] = ()) -> None:
        self._app = app
        self._redis = redis
        self._allowed = frozenset(allowed_queues)
        self._known: OrderedDict[int, tuple[TaskTemplate, Envelope | TaskRejected]] = OrderedDict()
        options = app.connection_for_write().transport_options
        self._steps = list(options.get("priority_steps") or (0, 3, 6, 9))

    def get(self, template: TaskTemplate) -> Envelope:
        """Return the template's envelope.

        Raises:
            TaskRejected: Celery can never take it as it is.
        """
        known = self._known.get(template.id)
        # The id alone would do on one stream; two nodes may use one id for different templates.
        if known is None or (known[0] is not template and known[0] != template):
            try:
                built: Envelope | TaskRejected = self._build(template)
            except TaskRejected as refusal:
                built = refusal
            known = self._known[template.id] = (template, built)
            while len(self._known) > ENVELOPES_MAX:
                self._known.popitem(last=False)
        if isinstance(known[1], TaskRejected):
            raise known[1]
        return known[1]

    def _build(self, template: TaskTemplate) -> Envelope:
        args = _json("args", template.args_json, list)
        kwargs = _json("kwargs", template.kwargs_json, dict)
        options, explicit = self._options(template), read_options(template.engine_options)
        headers = explicit.pop("headers", {})
        options.update(explicit)
        shadow = options.pop("shadow", None)
        limits = options.pop("time_limit", None), options.pop("soft_time_limit", None)
        ignore_result = options.pop("ignore_result", None)
        expires_s = _expires(template, options.pop("expires", None))
        task = self._app.tasks.get(template.task)
        try:
            options = self._app.amqp.router.route(options, template.task, args, kwargs, task)
            message = self._app.amqp.create_task_message(
                MARK_ID,
                template.task,
                args,
                kwargs,
                expires=MARK_EXPIRES if expires_s is not None else None,
                reply_to=self._app.thread_oid,
                time_limit=limits[0],
                soft_time_limit=limits[1],
                shadow=shadow,
                ignore_result=ignore_result,
            )
            return self._seal(template, options, message, headers, expires_s)
        except TaskRejected:
            raise
        except Exception as error:
            # Whatever Celery, a router or a serializer raises here, it would raise again.
            cause = error.__cause__ if isinstance(error, EncodeError) else None
            raise TaskRejected(
                f"celery refuses it: {type(error).__name__}: {cause or error}"
            ) from error

    def _options(self, template: TaskTemplate) -> dict[str, Any]:
        """Collect what `apply_async` would take from the task, then the schedule's own."""
        task = self._app.tasks.get(template.task)
        options: dict[str, Any] = {}
        if task is not None:
            options = {k: v for k, v in task._get_exec_options().items() if v is not None}
            options["ignore_result"] = task.ignore_result
        normal = options.get("priority", self._app.conf.task_default_priority)
        if template.priority:
            options["priority"] = celery_priority(
                template.priority, min(int(normal or 0), 9), low_is_first=self._redis
            )
        elif normal is not None:
            options["priority"] = int(normal)
        own = read_options(template.engine_options)
        if "celery_priority" in own:
            options["priority"] = own["celery_priority"]
        if template.queue:
            options["queue"] = template.queue
        return options

    def _seal(
        self,
        template: TaskTemplate,
        options: dict[str, Any],
        message: Any,
        headers: dict[str, Any],
        expires_s: float | None,
    ) -> Envelope:
        conf = self._app.conf
        options.pop("celery_priority", None)
        exchange, routing_key, declare = self._destination(options)
        queue = declare.name if declare is not None else routing_key
        if self._allowed and queue not in self._allowed:
            raise TaskRejected(
                f"queue {queue!r} is not among this adapter's: {', '.join(sorted(self._allowed))}"
            )
        if self._redis and exchange:
            raise TaskRejected(
                f"queue {queue!r} is reached through exchange {exchange!r}, which is not direct; "
                "on Redis only queues with a direct exchange can be published to exactly once"
            )
        mode = declare.exchange.delivery_mode if declare is not None else None
        mode = options.pop("delivery_mode", None) or mode or conf.task_default_delivery_mode
        compression = options.pop("compression", None) or conf.task_compression
        serializer = options.pop("serializer", None) or conf.task_serializer
        all_headers = {
            **message.headers,
            "periodic_task_name": template.schedule,
            "z4j_schedule": template.schedule,
            "z4j_due_at": MARK_DUE,
            **headers,
        }
        content_type, content_encoding, raw = dumps(message.body, serializer=serializer)
        body = raw.encode() if isinstance(raw, str) else bytes(raw)
        body_varies = MARK_ID.encode() in body
        if compression:
            packed, all_headers["compression"] = compress(body, compression)
            body = body if body_varies else packed
        properties = {**message.properties, "delivery_mode": maybe_delivery_mode(mode)}
        properties["priority"] = options.pop("priority", None) or 0
        if expires_s is not None:
            properties["expiration"] = MARK_TTL
        priority = min(max(properties["priority"], 0), 9)
        return Envelope(
            queue=queue,
            step=self._steps[bisect(self._steps, priority) - 1],
            exchange=exchange,
            routing_key=routing_key,
            declare=declare,
            headers=all_headers,
            properties=properties,
            body=body,
            body_varies=body_varies,
            content_type=content_type,
            content_encoding=content_encoding,
            compression=compression if body_varies else None,
            expires_s=expires_s,
            fill=_filler(
                json_dumps(
                    {
                        "body": MARK_BODY if body_varies else base64.b64encode(body).decode(),
                        "content-encoding": content_encoding,
                        "content-type": content_type,
                        "headers": all_headers,
                        "properties": {
                            **properties,
                            "delivery_info": {"exchange": exchange, "routing_key": routing_key},
                            "body_encoding": "base64",
                            "delivery_tag": MARK_TAG,
                        },
                    }
                )
            ),
        )

    def _destination(self, options: dict[str, Any]) -> tuple[str, str, Any]:
        """Find exchange, routing key and queue the way Celery's task sender does."""
        amqp = self._app.amqp
        exchange = options.pop("exchange", None)
        routing_key = options.pop("routing_key", None)
        queue = options.pop("queue", None)
        if queue is None and exchange is None:
            queue = amqp.default_queue
        if isinstance(queue, str):
            queue = amqp.queues[queue]
        kind = queue.exchange.type if queue is not None and queue.exchange else "direct"
        if (not exchange or not routing_key) and kind == "direct":
            if queue is None:
                raise TaskRejected("an exchange needs a routing_key")
            return "", queue.name, queue
        if exchange is None:
            exchange = queue.exchange.name or amqp.default_exchange
            routing_key = (
                routing_key or queue.routing_key or self._app.conf.task_default_routing_key
            )
        return getattr(exchange, "name", exchange), routing_key or "", queue


def _json(field: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise TaskRejected(f"{field} is no JSON: {error}") from None
    if not isinstance(value, kind):
        raise TaskRejected(f"{field} must be a JSON {'array' if kind is list else 'object'}")
    return value


def _expires(template: TaskTemplate, of_task: Any) -> float | None:
    """Seconds after the due time; the task's own `expires` counts where the schedule has none."""
    if template.expires_s is not None:
        return template.expires_s
    if of_task is None:
        return None
    if isinstance(of_task, (int, float)):
        return float(of_task)
    raise TaskRejected(f"the task's own expires={of_task!r} is no number of seconds")
