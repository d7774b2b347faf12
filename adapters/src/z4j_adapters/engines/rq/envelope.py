"""RQ jobs: built once per template with RQ's own code, then filled in per fire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from redis.connection import Encoder
from rq import Retry
from rq.utils import import_attribute

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate
from z4j_adapters.engines.common.options import read_options
from z4j_adapters.engines.common.templates import call_of
from z4j_adapters.engines.rq.app import RqApp
from z4j_adapters.engines.rq.options import ENGINE_OPTIONS, SECONDS_MAX, check_options

__all__ = ["Envelope", "EnvelopeFactory", "due_text"]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# Stand in the place of a due time while a serializer runs; as long, for those that write lengths.
MARK, OTHER_MARK = uuid4().hex, uuid4().hex


def due_text(due_us: int) -> str:
    """Write an instant as ISO 8601 with microseconds, always 32 characters."""
    return (EPOCH + timedelta(microseconds=due_us)).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One template's job, complete but for what a fire brings."""

    queue: str
    queue_key: str
    at_front: bool
    form: bytes
    """The fields of the job's hash that all fires share: names and values, packed by `_pack`."""
    meta: Callable[[str], bytes]
    """Makes the field `meta` for a due time, written by `due_text`."""
    expires_s: float | None
    """After the due time."""
    route: str
    """Seconds for which RQ keeps the job once it has ended; -1: for ever."""
    size_bytes: int
    """Memory it takes, roughly."""


class EnvelopeFactory:
    """One thread only."""

    def __init__(self, app: RqApp, result_ttl_s: int, *, check_imports: bool) -> None:
        self._app = app
        self._result_ttl_s = result_ttl_s
        self._check_imports = check_imports
        self._client = app.new_client()  # RQ's classes want one; nothing is sent.

    def build(self, template: TaskTemplate) -> Envelope:
        """Build the template's envelope; ~0.1 ms.

        Raises:
            TaskRejected: RQ can never take it as it is.
        """
        args, kwargs = call_of(template)
        own = read_options("rq", ENGINE_OPTIONS, template.engine_options)
        check_options(own)
        self._check(template)
        queue = self._app.queue(template.queue or self._app.default_queue, self._client)
        own.setdefault("result_ttl", self._result_ttl_s)
        try:
            job = queue.create_job(
                template.task,
                args=args,
                kwargs=kwargs,
                timeout=own.get("timeout"),
                result_ttl=own["result_ttl"],
                failure_ttl=own.get("failure_ttl"),
                description=own.get("description"),
                meta=own.get("meta"),
                retry=_retry(own),
            )
            return self._seal(template, queue, job, own)
        except Exception as error:
            # Whatever RQ or a serializer raises here, it would raise again.
            raise TaskRejected(f"rq refuses it: {type(error).__name__}: {error}") from error

    def _check(self, template: TaskTemplate) -> None:
        task, queue = template.task, template.queue or self._app.default_queue
        if "." not in task.strip(".") or ":" in task or not all(task.split(".")):
            raise TaskRejected(
                f"task {task!r} is no dotted path: RQ's workers import package.module.function"
            )
        if template.priority:
            raise TaskRejected(
                "RQ has no priorities: name a queue that your workers list first, or set the "
                "engine option at_front"
            )
        if template.expires_s is not None and template.expires_s > SECONDS_MAX:
            raise TaskRejected(
                f"expires must be at most {SECONDS_MAX} seconds: {template.expires_s:.0f}"
            )
        if self._app.queues and queue not in self._app.queues:
            raise TaskRejected(
                f"queue {queue!r} is not among this adapter's: {', '.join(self._app.queues)}"
            )
        if self._check_imports:
            try:
                found = import_attribute(task)
            except Exception as error:
                raise TaskRejected(
                    f"task {task!r} cannot be imported from {self._app.workdir}: "
                    f"{type(error).__name__}: {error}"
                ) from None
            if not callable(found):
                raise TaskRejected(f"task {task!r} is no function")

    def _seal(self, template: TaskTemplate, queue: Any, job: Any, own: dict[str, Any]) -> Envelope:
        meta = {"z4j_schedule": template.schedule, "z4j_due_at": MARK, **own.get("meta", {})}
        job.meta = {}
        values = job.to_dict()
        for name in ("created_at", "enqueued_at", "ttl", "meta"):
            values.pop(name, None)
        values["status"] = "queued"
        encode = Encoder("utf-8", "strict", False).encode
        form = _pack([encode(part) for item in values.items() for part in item])
        keeps = [k for k in (own["result_ttl"], own.get("failure_ttl", -1)) if k != -1]
        return Envelope(
            queue=queue.name,
            queue_key=queue.key,
            at_front=own.get("at_front", False),
            form=form,
            meta=_filler(self._app.serializer, meta),
            expires_s=template.expires_s,
            route=str(min(keeps, default=-1)),
            size_bytes=2500 + len(form) + len(template.args_json),
        )


def _retry(own: dict[str, Any]) -> Retry | None:
    if "retry_max" not in own:
        return None
    return Retry(max=own["retry_max"], interval=own.get("retry_intervals", 0))


def _pack(parts: Sequence[bytes]) -> bytes:
    """Write a MessagePack array of strings: one argument instead of fifty, a job."""
    packed = [b"\xdc", len(parts).to_bytes(2, "big")]
    for part in parts:
        packed += (b"\xdb", len(part).to_bytes(4, "big"), part)
    return b"".join(packed)


def _filler(serializer: Any, meta: dict[str, Any]) -> Callable[[str], bytes]:
    """Make the function that writes `meta` with a due time in it.

    A serializer that compresses or encrypts leaves no mark to replace, and runs for each fire.
    """
    if meta["z4j_due_at"] != MARK:  # The schedule's own meta has one.
        packed = bytes(serializer.dumps(meta))
        return lambda due: packed
    head, mark, tail = bytes(serializer.dumps(meta)).partition(MARK.encode())
    other = serializer.dumps({**meta, "z4j_due_at": OTHER_MARK})
    if mark and other == head + OTHER_MARK.encode() + tail:
        return lambda due: head + due.encode() + tail
    return lambda due: bytes(serializer.dumps({**meta, "z4j_due_at": due}))
