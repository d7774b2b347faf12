"""Where a message goes: what the brokers read from labels, decided once per template."""

from __future__ import annotations

from typing import Any

from taskiq.message import TaskiqMessage

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate
from z4j_adapters.engines.taskiq.broker import is_rabbit
from z4j_adapters.engines.taskiq.options import rabbit_priority

__all__ = ["Router"]


class Router:
    """Chooses queues as the broker's own `kick` does."""

    def __init__(self, broker: Any, allowed: tuple[str, ...]) -> None:
        self._broker = broker
        self._allowed = allowed
        self.redis = not is_rabbit(broker)

    @property
    def highest_priority(self) -> int:
        """Of the broker's queues; 0 if they have none."""
        if self.redis:
            return 0
        return max((queue.max_priority or 0 for queue in self._broker._task_queues), default=0)

    def route(self, template: TaskTemplate, labels: dict[str, Any]) -> tuple[str, int | None]:
        """Return queue (on RabbitMQ its routing key) and priority; fills in their labels.

        Raises:
            TaskRejected: It would reach no queue, or none of this adapter's.
        """
        if self.redis:
            if template.queue:
                labels["queue_name"] = template.queue
            queue = str(labels.get("queue_name") or self._broker.queue_name)
            self._check(queue, self._allowed)
            return queue, None
        return self._rabbit_queue(template, labels), self._rabbit_priority(template, labels)

    def check_unchanged(self, plain: TaskiqMessage, message: TaskiqMessage) -> None:
        """See that middlewares left alone what a fire is found by.

        Raises:
            TaskRejected: They did not.
        """
        label = "queue_name" if self.redis else self._broker._label_for_routing
        if message.labels.get(label) != plain.labels.get(label):
            raise TaskRejected(
                f"a middleware changed label {label!r}: set the queue in the schedule"
            )
        if (message.task_id, message.task_name) != (plain.task_id, plain.task_name):
            raise TaskRejected("a middleware changed the task's id or name")

    def _rabbit_queue(self, template: TaskTemplate, labels: dict[str, Any]) -> str:
        by_name = {queue.name: queue for queue in self._broker._task_queues}
        keys = {queue.routing_key or queue.name: queue.name for queue in by_name.values()}
        label = self._broker._label_for_routing
        if template.queue:
            self._check(template.queue, tuple(by_name))
            queue = by_name[template.queue]
            labels[label] = queue.routing_key or queue.name
        key = str(labels.get(label) or "")
        if len(keys) == 1 or not key:  # The first of several: TaskIQ itself would refuse.
            key = next(iter(keys))
            if len(keys) > 1:
                labels[label] = key
        if self._broker._exchange.type == "direct":  # Others may route by pattern.
            self._check(key, tuple(keys))
        self._check(keys.get(key, key), self._allowed)
        return key

    def _rabbit_priority(self, template: TaskTemplate, labels: dict[str, Any]) -> int | None:
        label, highest = self._broker._label_for_priority, self.highest_priority
        if template.priority and highest:
            normal = min(max(_number(labels.get(label)) or 0, 0), highest)
            labels[label] = rabbit_priority(template.priority, normal, highest)
        return _number(labels.get(label))

    def _check(self, queue: str, allowed: tuple[str, ...]) -> None:
        if allowed and queue not in allowed:
            raise TaskRejected(
                f"queue {queue!r} is not among this adapter's: {', '.join(sorted(allowed))}"
            )


def _number(label: Any) -> int | None:
    """Read a label as the broker does: what is no number counts as none."""
    try:
        return int(str(label))
    except ValueError:
        return None
