"""Builds envelopes as the actor's own `send_with_options` would, or by name alone."""

from __future__ import annotations

import re

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate
from z4j_adapters.engines.common.templates import call_of
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.envelope import Envelope, new_envelope
from z4j_adapters.engines.dramatiq.options import message_options

__all__ = ["EnvelopeFactory"]

DEFAULT_QUEUE = "default"
QUEUE_PATTERN = re.compile(r"[a-zA-Z_][a-zA-Z0-9._-]*")  # Actors can have no other.


class EnvelopeFactory:
    """One thread only."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._as_object = setup.has_enqueue_hooks or not setup.is_redis
        self._max_priority: int | None = getattr(setup.broker, "max_priority", None)

    def build(self, template: TaskTemplate) -> Envelope:
        """Build the template's envelope.

        Raises:
            TaskRejected: Dramatiq can never take it as it is.
        """
        if not template.task or "\n" in template.task:
            raise TaskRejected(f"{template.task!r} can be no name of an actor")
        call = call_of(template)
        queue = self._queue(template)
        options = message_options(
            template, is_redis=self._setup.is_redis, max_priority=self._max_priority
        )
        try:
            return new_envelope(
                queue=queue,
                actor=template.task,
                schedule=template.schedule,
                call=call,
                options=options,
                is_redis=self._setup.is_redis,
                with_note=not self._setup.outcomes_hint,
                as_object=self._as_object,
            )
        except Exception as error:
            # Whatever an encoder raises here, it would raise again.
            raise TaskRejected(f"dramatiq refuses it: {type(error).__name__}: {error}") from error

    def _queue(self, template: TaskTemplate) -> str:
        queue = template.queue or DEFAULT_QUEUE
        if self._setup.has_app:
            actor = self._setup.broker.actors.get(template.task)
            if actor is None:
                raise TaskRejected(f"the app has no actor named {template.task!r}")
            queue = template.queue or actor.queue_name
            if queue not in (known := self._setup.broker.get_declared_queues()):
                raise TaskRejected(
                    f"no worker of the app consumes queue {queue!r}; its queues: "
                    + ", ".join(sorted(known))
                )
        if not QUEUE_PATTERN.fullmatch(queue) or queue.endswith((".DQ", ".XQ")):
            raise TaskRejected(
                f"{queue!r} can be no queue of Dramatiq's: a letter or underscore, then letters, "
                "digits, dots, dashes, underscores; not ending in .DQ or .XQ"
            )
        if self._setup.queues and queue not in self._setup.queues:
            raise TaskRejected(
                f"queue {queue!r} is not among this adapter's: "
                + ", ".join(sorted(self._setup.queues))
            )
        return queue
