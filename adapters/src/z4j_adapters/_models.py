"""What crosses between the runtime and an engine: plain values, no protocol types."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = [
    "Capabilities",
    "Delivery",
    "EngineOption",
    "Fire",
    "FireRef",
    "Outcome",
    "OutcomeState",
    "QueueState",
    "Result",
    "ResultCode",
    "TaskTemplate",
    "WorkerState",
]


class Delivery(enum.Enum):
    """How a repeated hand-over of one fire behaves."""

    AT_LEAST_ONCE = "at least once"
    EFFECTIVELY_ONCE = "effectively once"


class ResultCode(enum.Enum):
    """What became of one hand-over."""

    ACCEPTED = "accepted"
    """The broker has it."""
    DUPLICATE = "duplicate"
    """The broker had it already."""
    REJECTED = "rejected"
    """The engine will never take it."""
    UNAVAILABLE = "unavailable"
    """Not handed over, or the outcome is unknown; handing it over again is right."""
    RETURNED = "returned"
    """Only the runtime says this: not tried, because the adapter is being stopped."""
    UNKNOWN_TEMPLATE = "unknown template"
    """Only the runtime says this: the template never arrived."""


class OutcomeState(enum.Enum):
    """How far a run has come."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self is not OutcomeState.RUNNING


@dataclass(frozen=True, slots=True)
class TaskTemplate:
    """What all fires of a schedule have in common."""

    id: int
    schedule: str
    task: str
    args_json: str = "[]"
    kwargs_json: str = "{}"
    queue: str = ""
    """Empty: the engine's default."""
    priority: int = 0
    """-100 (last) .. 100 (first), 0 normal."""
    expires_s: float | None = None
    """Seconds after the due time at which the engine should drop it."""
    engine_options: Mapping[str, str] = field(default_factory=dict, hash=False)
    """By name; values are JSON texts."""


@dataclass(frozen=True, slots=True)
class Fire:
    """One run to hand over."""

    id: str
    """36-character UUID text; becomes the engine's own task id."""
    ref: bytes
    """Opaque; echoed with results and outcomes."""
    template: TaskTemplate
    due_us: int
    """Nominal due time, microseconds since the epoch, UTC."""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class FireRef:
    """A fire that was handed over before, perhaps by another adapter."""

    id: str
    """36-character UUID text; the engine's own task id."""
    ref: bytes
    """As in `Fire`."""


@dataclass(frozen=True, slots=True)
class Result:
    """Answer to one fire of a batch."""

    fire_id: str
    fire_ref: bytes
    code: ResultCode
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine did with one fire."""

    fire_id: str
    fire_ref: bytes
    state: OutcomeState
    time: datetime
    """Aware; by the engine's clock."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue at this moment."""

    name: str
    depth: int
    """Messages that wait for a worker, fires and others; without what waits for its time."""
    in_progress: int | None = None
    """Messages that workers have taken and not finished; None: the broker cannot tell."""
    workers: int | None = None
    """That take from it; None: the broker cannot tell."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker that is alive."""

    name: str
    """As the engine names it: "celery@web-3"."""
    queues: tuple[str, ...] = ()
    """It takes from; empty: not known."""
    running: int | None = None
    """Tasks it runs now; None: not known."""
    concurrency: int | None = None
    """Tasks it can run at once; None: not known."""
    heartbeat: datetime | None = None
    """When it was last heard, by the engine's clock, aware; None: not known."""


@dataclass(frozen=True, slots=True)
class EngineOption:
    """One option that a schedule may set for this engine."""

    name: str
    type: str
    """Of its JSON value: string, number, integer, boolean, object or array."""
    description: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine and its broker can do, as far as a user can notice."""

    delivery: Delivery = Delivery.AT_LEAST_ONCE
    outcomes: bool = False
    outcomes_hint: str = ""
    """Why outcomes are not known and what to change."""
    cancel: bool = False
    terminate: bool = False
    priority: bool = False
    expires: bool = False
    lookup: bool = False
    """`EngineAdapter.lookup_outcomes` can find what was not observed."""
    list_queues: bool = False
    list_workers: bool = False
    purge: bool = False
    options: tuple[EngineOption, ...] = ()
