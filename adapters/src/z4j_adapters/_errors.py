"""Errors of this package.

AdapterError
├── ConfigurationError      an option or setting is wrong; the message says which and what to do
├── TaskRejected            the engine will never take this fire; do not retry
├── EngineUnavailable       not done or outcome unknown; the same call may be made again
└── ControlFailed           a control request (cancel, list, purge, …) was not carried out
"""

from __future__ import annotations

__all__ = [
    "AdapterError",
    "ConfigurationError",
    "ControlFailed",
    "EngineUnavailable",
    "TaskRejected",
]


class AdapterError(Exception):
    """Base of all."""


class ConfigurationError(AdapterError):
    """An option or setting is wrong; the message says which and what to do."""


class TaskRejected(AdapterError):
    """The engine will never take this fire; do not retry."""


class EngineUnavailable(AdapterError):
    """Not done, or the outcome is unknown; the same call may be made again."""


class ControlFailed(AdapterError):
    """A control request was not carried out; the message says why, for people."""
