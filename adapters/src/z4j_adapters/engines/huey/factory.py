"""Builds envelopes with Huey's own registry, message class and serializer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from huey.registry import Message

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate
from z4j_adapters.engines.common.options import read_options
from z4j_adapters.engines.common.templates import call_of
from z4j_adapters.engines.huey.envelope import (
    MARK_EXPIRES,
    MARK_ID,
    MARK_RESOLVED,
    Envelope,
    writer,
)
from z4j_adapters.engines.huey.options import ENGINE_OPTIONS

__all__ = ["EnvelopeFactory"]

EXPIRES_MAX_S = 100 * 366 * 86_400.0  # Huey writes an instant, which ends with the year 9999.


class EnvelopeFactory:
    """One thread only."""

    def __init__(self, huey: Any, *, registered_only: bool) -> None:
        self._huey = huey
        self._registered_only = registered_only

    def build(self, template: TaskTemplate) -> Envelope:
        """Build the template's envelope.

        Raises:
            TaskRejected: Huey can never take it as it is.
        """
        huey = self._huey
        if template.queue not in ("", huey.name, huey.storage.name):
            raise TaskRejected(
                f"queue {template.queue!r} is not this adapter's: a Huey instance has one queue, "
                f"its name, here {huey.name!r}; start an adapter for the other instance"
            )
        args, kwargs = call_of(template)
        own = read_options("huey", ENGINE_OPTIONS, template.engine_options)
        task_class = self._task_class(template.task)
        priority = self._priority(template, own, task_class)
        expires_s = self._expires_s(template, task_class)
        try:
            message = self._message(template.task, tuple(args), kwargs, own, task_class)
            message = message._replace(priority=priority)
            if expires_s is not None:
                message = message._replace(expires=MARK_EXPIRES, expires_resolved=MARK_RESOLVED)
            write = writer(huey.serializer.serialize, message, expires=expires_s is not None)
            size = len(huey.serializer.serialize(message))
        except Exception as error:
            # Whatever a task class or a serializer raises here, it would raise again.
            raise TaskRejected(f"huey refuses it: {type(error).__name__}: {error}") from error
        return Envelope(
            route=huey.name,
            priority=priority,
            expires_s=expires_s,
            utc=huey.utc,
            write=write,
            size_bytes=2000 + 2 * size + 2 * len(template.args_json + template.kwargs_json),
        )

    def _task_class(self, name: str) -> Any:
        if not self._registered_only:
            return None
        registry = self._huey._registry
        if name not in registry._registry:
            known = ", ".join(sorted(registry._registry)[:20])
            raise TaskRejected(f"task {name!r} is not registered in your app; it has: {known}")
        return registry.string_to_task(name)

    def _message(
        self, name: str, args: tuple[Any, ...], kwargs: Any, own: dict[str, Any], task_class: Any
    ) -> Any:
        settings = {k: own.get(k) for k in ("retries", "retry_delay", "retry_backoff", "timeout")}
        if any(value is not None and value < 0 for value in settings.values()):
            raise ValueError("retries, retry_delay, retry_backoff and timeout are not below zero")
        if task_class is None:
            # What is left out, the consumer takes from its own task.
            return Message(id=MARK_ID, name=name, args=args, kwargs=kwargs, **settings)
        task = task_class(args, kwargs, id=MARK_ID, **settings)
        return self._huey._registry.create_message(task)

    def _priority(
        self, template: TaskTemplate, own: dict[str, Any], task_class: Any
    ) -> float | None:
        normal = task_class.default_priority if task_class is not None else None
        priority: float | None = own.get("huey_priority", normal)
        if template.priority and "huey_priority" not in own:
            priority = (normal or 0) + template.priority
        if priority and not self._huey.storage.priority:
            raise TaskRejected(
                f"priority {priority}: this Huey instance's storage has none; use "
                "PriorityRedisHuey, PriorityRedisExpireHuey or SqliteHuey"
            )
        return priority

    def _expires_s(self, template: TaskTemplate, task_class: Any) -> float | None:
        """Seconds after the due time; the task's own `expires` counts where there is none."""
        if template.expires_s is not None:
            if template.expires_s > EXPIRES_MAX_S:
                raise TaskRejected(f"an expiry of {template.expires_s:g} s is over a hundred years")
            return template.expires_s
        own = task_class.default_expires if task_class is not None else None
        if isinstance(own, datetime):
            raise TaskRejected(
                f"the task's own expires={own} is an instant, no number of seconds: "
                "give the schedule an expiry"
            )
        if isinstance(own, timedelta):
            return own.total_seconds()
        return None if not own else float(own)
