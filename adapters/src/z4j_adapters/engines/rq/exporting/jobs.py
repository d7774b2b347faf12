"""What the jobs of RQ and of rq-scheduler hold of a schedule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Wanted, Written
from z4j_adapters.transfer.exporting.python import literal
from z4j_adapters.transfer.exporting.zones import OneZone
from z4j_adapters.transfer.model import Found, Note, Refused

__all__ = [
    "HOST_ZONE_CHECK",
    "JobExporter",
    "as_written",
    "call_code",
    "default_queue",
    "seconds_of",
]

HOST_ZONE_CHECK = '''
def check_zone(zone):
    """Raise unless the clock of this host is that of `zone`, which the hours below are of."""
    year = datetime.now(timezone.utc).year
    for month in range(1, 13):
        at = datetime(year, month, 1, tzinfo=timezone.utc)
        if at.astimezone().utcoffset() != at.astimezone(zone).utcoffset():
            raise RuntimeError(f"the clock of this host is not that of {zone}: set TZ")
'''
"""A function for modules whose hours follow the clock of the host."""


class JobExporter(Exporter):
    """For what enqueues jobs of RQ."""

    engine: ClassVar[str | None] = "rq"
    zone: OneZone

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add --queue."""
        parser.option(
            "queue",
            metavar="NAME",
            default="default",
            help="queue of schedules that name none (default: default)",
        )


def seconds_of(span: timedelta, what: str) -> int:
    """A span that there is a whole number of seconds.

    Raises:
        NotHeld: It is none.
    """
    if span % timedelta(seconds=1) or span < timedelta(seconds=1):
        raise NotHeld(f"{what} is whole seconds there, and here {span}", "round it")
    return span // timedelta(seconds=1)


def call_code(wanted: Wanted, options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Arguments and engine options, as keywords of a call.

    Args:
        options: Engine options that the target has → its keyword.
    Raises:
        NotHeld: An engine option has no keyword there.
    """
    if wanted.args:
        yield "args", literal(tuple(wanted.args))
    if wanted.kwargs:
        yield "kwargs", literal(wanted.kwargs)
    for name, value in wanted.options.items():
        if name not in options:
            raise NotHeld(
                f"its engine option {name} has no place there, only {', '.join(options)} have",
                f"leave {name} out",
            )
        yield options[name], literal(value)
    if wanted.expires is not None:
        yield "ttl", str(seconds_of(wanted.expires, "expires"))


def default_queue(wanted: Wanted, queue: str) -> tuple[Note, ...]:
    """What is to be known of a schedule without a queue of its own."""
    if wanted.queue:
        return ()
    return (Note("DEFAULT_QUEUE", f"it names no queue, and there it is {queue}: --queue"),)


def as_written(
    entries: Iterable[tuple[Written, Found | Refused]], queue: str, added: Collection[str] = ()
) -> Iterator[Found | Refused]:
    """What was read back, without what only the target asks for: a queue, and options."""
    for one, entry in entries:
        if isinstance(entry, Refused):
            yield entry
            continue
        schedule = dict(entry.schedule)
        if not one.wanted.queue and schedule["queue"] == queue:
            schedule["queue"] = ""
        schedule["engineOptions"] = {
            name: value
            for name, value in schedule.get("engineOptions", {}).items()
            if name in one.wanted.options or name not in added
        }
        yield replace(entry, schedule=schedule)
