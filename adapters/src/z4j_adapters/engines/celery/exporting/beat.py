"""What the exports to Celery's own beat and to RedBeat share: one zone, crontabs, calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Wanted, Written
from z4j_adapters.transfer.exporting.python import Source
from z4j_adapters.transfer.exporting.zones import OneZone

__all__ = ["BeatExporter", "no_kind", "numbered"]


class BeatExporter(Exporter):
    """For a beat whose crontabs are all in the zone of its app."""

    packages = {"celery": "celery"}  # noqa: RUF012
    engine = "celery"
    zone: OneZone
    """The app's."""

    def call(self, wanted: Wanted) -> dict[str, Any]:
        """Task, and what there is of args, kwargs and options, as an entry has them.

        Raises:
            NotHeld: An entry has no place for it.
        """
        from z4j_adapters.engines.celery.exporting.calls import check_call, options_of

        check_call(wanted)
        fields = {"args": wanted.args, "kwargs": wanted.kwargs, "options": options_of(wanted)}
        return {"task": wanted.task, **{name: value for name, value in fields.items() if value}}

    def crontabs(self, wanted: Wanted) -> dict[str, str]:
        """Key of each entry → source of its crontab.

        Raises:
            NotHeld: They are none, or not in the app's zone.
        """
        from z4j_adapters.engines.celery.exporting.crontabs import crontabs

        self.zone.check(wanted, self.options.at)
        found = [str(one) for one in crontabs(wanted, self.options.at)]
        return dict(zip(numbered(wanted.id, len(found)), found, strict=True))

    def written(self, wanted: Wanted, schedules: dict[str, str], **more: Any) -> Written:
        """One entry for each of `schedules`, with the same call and `more` of its fields."""
        call = self.call(wanted)
        entries = {
            key: {"task": call["task"], "schedule": Source(source), **call, **more}
            for key, source in schedules.items()
        }
        return Written(wanted, tuple(schedules), entries, " and ".join(schedules.values()))

    def entries(self, written: Sequence[Written]) -> dict[str, Any]:
        """All entries."""
        return {key: entry for one in written for key, entry in one.entry.items()}


def numbered(name: str, count: int) -> list[str]:
    """Keys of a schedule that becomes several: "id", "id (2)"."""
    return [name if n == 1 else f"{name} ({n})" for n in range(1, count + 1)]


def no_kind(wanted: Wanted) -> NotHeld:
    """The refusal of a kind of schedule for which beat has nothing with the same due times."""
    if wanted.kind == "solar":
        return NotHeld(
            "Celery computes the sun otherwise: its instants differ by seconds",
            "write solar(event, latitude, longitude) by hand, if seconds do not matter",
            "R11_SOLAR",
        )
    if wanted.kind == "oneShot":
        return NotHeld(
            "beat has nothing that runs once",
            "apply_async(eta=…) sends it now; --to django-celery-beat and --to redbeat hold it",
        )
    return NotHeld("beat has no calendar intervals", "write it as a cron, if it is one")
