"""Jobs as `enqueue_job` writes them: serialized once per template, stamped per fire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arq.jobs import SerializationError, serialize_job

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate
from z4j_adapters.engines.arq.app import ArqApp
from z4j_adapters.engines.arq.options import check_options
from z4j_adapters.engines.common.templates import call_of

__all__ = ["Envelope", "EnvelopeFactory", "stamper"]

Serialize = Callable[[int], bytes]

# A job says when it was enqueued, in ms; nothing else differs between a template's fires.  Two
# instants with the widths of today's show where and how a serializer writes it.
MARKS = 0x019A_5F3C_7E21, 0x01B4_D2E8_F356


@dataclass(frozen=True, slots=True)
class Envelope:
    """One template's job."""

    queue: str
    route: str
    """Queue and task, NUL between them."""
    expires_s: float | None
    """After the due time; None: as the workers' settings say, from the hand-over."""
    size_bytes: int
    """Memory it takes, roughly."""
    job: Serialize
    """Writes the job; takes the instant of enqueueing in ms."""


class EnvelopeFactory:
    """One thread only."""

    def __init__(self, app: ArqApp, allowed_queues: tuple[str, ...] = ()) -> None:
        self._app = app
        self._allowed = frozenset(allowed_queues)

    def build(self, template: TaskTemplate) -> Envelope:
        """Build the template's envelope.

        Raises:
            TaskRejected: arq can never take it as it is.
        """
        args, kwargs = call_of(template)
        check_options(template)
        queue = template.queue or self._app.queue
        if self._allowed and queue not in self._allowed:
            raise TaskRejected(
                f"queue {queue!r} is not among this adapter's: {', '.join(sorted(self._allowed))}"
            )
        if "\0" in queue or "\0" in template.task:
            raise TaskRejected("a NUL character in the name of a queue or task")

        def serialize(now_ms: int) -> bytes:
            job: bytes | str = serialize_job(
                template.task, tuple(args), kwargs, None, now_ms, serializer=self._app.serializer
            )
            return job.encode() if isinstance(job, str) else bytes(job)

        try:
            job, size_bytes = stamper(serialize)
        except (SerializationError, TypeError) as error:
            cause = error.__cause__ or error
            raise TaskRejected(
                f"the job serializer refuses it: {type(cause).__name__}: {cause}"
            ) from error
        route = f"{queue}\0{template.task}"
        size_bytes += 1500 + len(template.args_json) + len(template.kwargs_json)
        return Envelope(queue, route, template.expires_s, size_bytes, job)


def stamper(serialize: Serialize) -> tuple[Serialize, int]:
    """Make a quick `serialize`, if its output shows the instant in one place; and its size."""
    first, second = (serialize(mark) for mark in MARKS)
    for write in (_pickled, _packed, _decimal):
        head, mark, tail = first.partition(write(MARKS[0]))
        if mark and head + write(MARKS[1]) + tail == second:
            return _stamp(head, write, tail), len(first)
    return _every_time(serialize, first), len(first)


def _stamp(head: bytes, write: Serialize, tail: bytes) -> Serialize:
    return lambda now_ms: head + write(now_ms) + tail


def _every_time(serialize: Serialize, first: bytes) -> Serialize:
    """Encrypted, compressed or signed: the serializer has to do each."""

    def write(now_ms: int) -> bytes:
        try:
            return serialize(now_ms)
        except Exception:
            return first  # It is only the instant that is wrong, and that is only logged.

    return write


def _pickled(now_ms: int) -> bytes:
    return now_ms.to_bytes(6, "little")


def _packed(now_ms: int) -> bytes:
    return now_ms.to_bytes(8, "big")


def _decimal(now_ms: int) -> bytes:
    return str(now_ms).encode()
