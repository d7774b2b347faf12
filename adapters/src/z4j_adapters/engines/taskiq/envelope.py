"""TaskIQ messages: built once per template with TaskIQ's own code, then filled in per fire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from taskiq.kicker import AsyncKicker
from taskiq.message import TaskiqMessage

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate
from z4j_adapters.engines.common.templates import call_of
from z4j_adapters.engines.taskiq.hooks import Hooks
from z4j_adapters.engines.taskiq.marks import mark_tail, route_of
from z4j_adapters.engines.taskiq.options import read_labels
from z4j_adapters.engines.taskiq.route import Router

__all__ = ["Envelope", "EnvelopeFactory"]

# Stand for the fire's id while TaskIQ builds the message, and are as long: formats that write
# lengths stay right.
MARKS = (str(uuid4()), str(uuid4()))


@dataclass(frozen=True, slots=True)
class Envelope:
    """One template's message, complete but for what a fire brings."""

    queue: str
    """The list or stream; on RabbitMQ the routing key."""
    route: str
    tail: bytes
    """Of the dedupe key's value."""
    labels: dict[str, str]
    priority: int | None
    """RabbitMQ's."""
    task: str
    parts: tuple[bytes, ...]
    """The message around each place of the id; empty if it must be made for every fire."""
    make: Callable[[str], tuple[TaskiqMessage, bytes]] | None
    """Makes message and bytes for an id, through the user's middlewares; None if the `parts` of the
    template do, for it holds on to all arguments."""
    size_bytes: int
    """Memory it takes, roughly."""

    def message(self, fire_id: str) -> bytes:
        """Write what a worker takes from the queue; only if there are `parts`."""
        return fire_id.encode().join(self.parts)


class EnvelopeFactory:
    """One thread only."""

    def __init__(self, broker: Any, router: Router, hooks: Hooks, *, knows_tasks: bool) -> None:
        self._broker = broker
        self._router = router
        self._hooks = hooks
        self._knows_tasks = knows_tasks

    def build(self, template: TaskTemplate) -> Envelope:
        """Build the template's envelope; ~0.1 ms.

        Raises:
            TaskRejected: TaskIQ can never take it as it is.
        """
        args, kwargs = call_of(template)
        task = self._broker.find_task(template.task)
        if task is None and self._knows_tasks:
            raise TaskRejected(
                f"the app's broker knows no task {template.task!r}, and a worker would drop it: "
                "name its module with --module, and restart the adapter when you deploy tasks"
            )
        if "\n" in template.task + template.queue:
            raise TaskRejected("a line break in the name of a task or a queue")
        labels = {} if task is None else dict(task.labels)
        labels |= read_labels(template.engine_options, redis=self._router.redis)
        queue, priority = self._router.route(template, labels)

        def prepare(fire_id: str) -> TaskiqMessage:
            kicker: Any = AsyncKicker(template.task, self._broker, dict(labels))
            message: TaskiqMessage = kicker.with_task_id(fire_id)._prepare_message(*args, **kwargs)
            return message

        def make(fire_id: str) -> tuple[TaskiqMessage, bytes]:
            plain = prepare(fire_id)
            message = self._hooks.pre_send(plain.model_copy(deep=True))
            self._router.check_unchanged(plain, message)
            return message, self._broker.formatter.dumps(message).message

        try:
            ready = prepare(MARKS[0])
            parts = () if self._hooks.watch_sending else self._parts(prepare)
        except Exception as error:
            # Whatever TaskIQ or a formatter raises here, it would raise again.
            raise TaskRejected(f"taskiq refuses it: {type(error).__name__}: {error}") from error
        route = route_of(queue, template.task)
        return Envelope(
            queue=queue,
            route=route,
            tail=mark_tail(route),
            labels=ready.labels,
            priority=priority,
            task=template.task,
            parts=parts,
            make=None if parts else make,
            size_bytes=(500 if parts else 1500 + 2 * len(template.args_json + template.kwargs_json))
            + sum(map(len, parts)),
        )

    def _parts(self, prepare: Callable[[str], TaskiqMessage]) -> tuple[bytes, ...]:
        """Split what the formatter writes at the id; empty if it does more than write the id."""
        first, second = (self._broker.formatter.dumps(prepare(mark)).message for mark in MARKS)
        parts = tuple(first.split(MARKS[0].encode()))
        same = MARKS[1].encode().join(parts) == second
        return parts if same and len(parts) > 1 else ()

    def shows_ids(self) -> bool:
        """Whether a fire can be found in its queue by its id; not if messages are encrypted."""
        probe: Any = AsyncKicker("z4j:probe", self._broker, {})
        try:
            message = probe.with_task_id(MARKS[0])._prepare_message()
            return MARKS[0].encode() in self._broker.formatter.dumps(message).message
        except Exception:
            return False
