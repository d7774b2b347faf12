"""Adapters that attach Python task engines to z4j-scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._errors import (
    AdapterError,
    ConfigurationError,
    ControlFailed,
    EngineUnavailable,
    TaskRejected,
)
from z4j_adapters._models import (
    Capabilities,
    Delivery,
    EngineOption,
    Fire,
    FireRef,
    Outcome,
    OutcomeState,
    QueueState,
    Result,
    ResultCode,
    TaskTemplate,
    WorkerState,
)
from z4j_adapters._options import Parser
from z4j_adapters._version import __version__

if TYPE_CHECKING:
    from z4j_adapters._runtime import Runtime, RuntimeOptions, TlsOptions

__all__ = [
    "AdapterError",
    "Capabilities",
    "ConfigurationError",
    "ControlFailed",
    "Delivery",
    "EngineAdapter",
    "EngineCommand",
    "EngineOption",
    "EngineUnavailable",
    "Fire",
    "FireRef",
    "Outcome",
    "OutcomeState",
    "Parser",
    "QueueState",
    "Result",
    "ResultCode",
    "Runtime",
    "RuntimeOptions",
    "TaskRejected",
    "TaskTemplate",
    "TlsOptions",
    "WorkerState",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Load the runtime when it is asked for: a user's worker that imports a part of us, such as
    Huey's signals, gets neither gRPC nor its threads."""
    if name in ("Runtime", "RuntimeOptions", "TlsOptions"):
        from z4j_adapters import _runtime

        return getattr(_runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
