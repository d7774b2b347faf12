"""What a schedule calls, in the terms of an entry of Celery beat."""

from __future__ import annotations

from typing import Any

from z4j_adapters.transfer.exporting.model import NotHeld, Wanted
from z4j_adapters.transfer.values import Inexact, json_text

__all__ = ["check_call", "options_of"]

_PRIORITY = "celery_priority"


def check_call(wanted: Wanted) -> None:
    """See that the call can be written down.

    Raises:
        NotHeld: It cannot.
    """
    try:
        json_text([wanted.args, wanted.kwargs, wanted.options])
    except Inexact as error:
        raise NotHeld(f"its arguments: {error}", "pass something else") from None
    if wanted.priority:
        raise NotHeld(
            f"its priority is {wanted.priority} of -100 to 100; Celery's own number for that "
            "depends on the broker",
            "set the engine option celery_priority instead, or --drop priority",
        )


def options_of(wanted: Wanted) -> dict[str, Any]:
    """The options of the entry, as of apply_async."""
    options: dict[str, Any] = {}
    if wanted.queue:
        options["queue"] = wanted.queue
    if wanted.expires is not None:
        seconds = wanted.expires.total_seconds()
        options["expires"] = int(seconds) if seconds == int(seconds) else seconds
    for name, value in wanted.options.items():
        options["priority" if name == _PRIORITY else name] = value
    return options
