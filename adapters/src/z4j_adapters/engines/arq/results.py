"""What a result that an arq worker stored says of a run."""

from __future__ import annotations

import asyncio
import builtins
import reprlib
from typing import Any, NamedTuple

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.arq.pickles import Record
from z4j_adapters.engines.common.tracker import Sighting

__all__ = ["REMOVED", "error_text", "sightings_of"]

ERROR_CHARS_MAX = 2000
MS_MAX = 253_402_300_799_000  # The year 9999.

REMOVED = "removed from its queue before it ran"
"""The result of a job that was cancelled in its queue, where no exception can be written."""

_UNKNOWN = "<unknown>"  # arq's own name for the function of a job it could not read.
_UNWRITABLE = "unable to serialize result"  # arq's own words, instead of a result.

_short = reprlib.Repr()
_short.maxlevel = 3
_short.maxstring = _short.maxother = 200


class _End(NamedTuple):
    state: OutcomeState
    error: str = ""
    ran: bool = False
    """The times are those of a run."""


def sightings_of(fire_id: str, result: Any, *, aborted: bool = False) -> list[Sighting]:
    """Read what a worker stored; raises any Exception if it is no result of arq's.

    Args:
        aborted: A worker was asked to stop it.
    """
    began_ms, ended_ms, tries = (int(result[key]) for key in ("st", "ft", "t"))
    if not 0 <= began_ms <= MS_MAX or not 0 <= ended_ms <= MS_MAX:
        raise ValueError("no instant")
    if result["s"]:
        end = _End(OutcomeState.SUCCEEDED, ran=True)
    else:
        error = asyncio.CancelledError() if aborted and result["r"] == _UNWRITABLE else result["r"]
        end = _failure(error, str(result["f"]), tries)
    seen = [Sighting(fire_id, end.state, ended_ms / 1000, end.error)]
    if end.ran:
        seen.insert(0, Sighting(fire_id, OutcomeState.RUNNING, began_ms / 1000))
    return seen


def _failure(error: Any, function: str, tries: int) -> _End:
    module, name, text = _kind(error)
    if (module, name) == ("asyncio.exceptions", "CancelledError") or error == REMOVED:
        return _End(OutcomeState.CANCELLED, error_text(error))
    is_arqs = (module, name) == ("arq.worker", "JobExecutionFailed")
    # Only a job that was gone from Redis has no name; a serializer of the user's may be unable
    # to write the error that says so.
    if function == _UNKNOWN and (text == "job expired" if is_arqs else error == _UNWRITABLE):
        if tries < 2:
            return _End(OutcomeState.EXPIRED, "it waited longer than its expiry")
        return _End(
            OutcomeState.LOST, f"it began, did not end, and expired before arq's try {tries}"
        )
    if is_arqs and text == "max 1 retries exceeded":
        return _End(
            OutcomeState.LOST,
            "it began once and did not end: its worker died or was stopped, or the task raised "
            "Retry; with max_tries=1 arq does not run it again",
        )
    if is_arqs or function == _UNKNOWN:
        return _End(OutcomeState.FAILED, error_text(error))
    if error == _UNWRITABLE:
        error = f"{_UNWRITABLE}: what the task returned or raised is unknown, arq calls it failed"
    return _End(OutcomeState.FAILED, error_text(error), ran=True)


def error_text(error: Any) -> str:
    """Write an error as "Class: message", bounded."""
    _, name, text = _kind(error)
    return ": ".join(part for part in (name, text) if part)[:ERROR_CHARS_MAX]


def _kind(error: Any) -> tuple[str, str, str]:
    """Return module and name of an exception's class, and its message."""
    if isinstance(error, Record):
        name = error.name.rpartition(".")[2]
        return error.module, name, _message(error)
    if isinstance(error, (Exception, asyncio.CancelledError)):  # By the user's own deserializer.
        try:
            text = str(error)
        except Exception:
            text = ""
        return type(error).__module__, type(error).__name__, text
    return "", "", error[:ERROR_CHARS_MAX] if isinstance(error, str) else _short.repr(error)


def _message(error: Record) -> str:
    """As str() of the exception would be, where that is safe and known."""
    args = error.args
    plain = all(isinstance(arg, (str, int, float, bytes, type(None))) for arg in args)
    if plain and error.module == "builtins":
        kind = getattr(builtins, error.name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                return str(kind(*args))[:ERROR_CHARS_MAX]  # KeyError, OSError have their own ways.
            except Exception:
                return _short.repr(args)
    if not args:
        return ""
    if len(args) == 1:
        return args[0][:ERROR_CHARS_MAX] if isinstance(args[0], str) else _short.repr(args[0])
    return _short.repr(args)
