"""Builds envelopes with Celery's own router, protocol and serializer, as `send_task` would send."""

from __future__ import annotations

import base64
from bisect import bisect
from typing import Any

from kombu.compression import compress
from kombu.entity import maybe_delivery_mode
from kombu.exceptions import EncodeError
from kombu.serialization import dumps
from kombu.utils.json import dumps as json_dumps

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate
from z4j_adapters.engines.celery.envelope import (
    MARK_BODY,
    MARK_DUE,
    MARK_EXPIRES,
    MARK_ID,
    MARK_TAG,
    MARK_TTL,
    Envelope,
    filler,
)
from z4j_adapters.engines.celery.options import ENGINE_OPTIONS, celery_priority
from z4j_adapters.engines.common.options import read_options
from z4j_adapters.engines.common.templates import call_of

__all__ = ["EnvelopeFactory"]


class EnvelopeFactory:
    """One thread only."""

    def __init__(self, app: Any, *, redis: bool, allowed_queues: tuple[str, ...] = ()) -> None:
        self._app = app
        self._redis = redis
        self._allowed = frozenset(allowed_queues)
        options = app.connection_for_write().transport_options
        self._steps = list(options.get("priority_steps") or (0, 3, 6, 9))

    def build(self, template: TaskTemplate) -> Envelope:
        """Build the template's envelope; ~0.1 ms.

        Raises:
            TaskRejected: Celery can never take it as it is.
        """
        args, kwargs = call_of(template)
        explicit = read_options("celery", ENGINE_OPTIONS, template.engine_options)
        options = self._options(template, explicit)
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

    def _options(self, template: TaskTemplate, own: dict[str, Any]) -> dict[str, Any]:
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
        text = json_dumps(
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
        return Envelope(
            queue=queue,
            step=self._steps[bisect(self._steps, priority) - 1],
            exchange=exchange,
            routing_key=routing_key,
            declare=declare,
            headers={} if self._redis else all_headers,
            properties={} if self._redis else properties,
            body=b"" if self._redis and not body_varies else body,
            body_varies=body_varies,
            content_type=content_type,
            content_encoding=content_encoding,
            compression=compression if body_varies else None,
            expires_s=expires_s,
            size_bytes=(1000 if self._redis else 2500 + len(body)) + len(text),
            fill=filler(text),
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


def _expires(template: TaskTemplate, of_task: Any) -> float | None:
    """Seconds after the due time; the task's own `expires` counts where the schedule has none."""
    if template.expires_s is not None:
        return template.expires_s
    if of_task is None:
        return None
    if isinstance(of_task, (int, float)):
        return float(of_task)
    raise TaskRejected(f"the task's own expires={of_task!r} is no number of seconds")
