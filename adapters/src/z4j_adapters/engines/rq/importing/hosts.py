"""Which clock RQ's crons follow, and what RQ does when it is changed."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from z4j_adapters.engines.rq.importing.croniters import cron_box, cron_fires, cron_spec
from z4j_adapters.engines.rq.importing.stored import Unfit
from z4j_adapters.transfer.boxes import every_day
from z4j_adapters.transfer.cron_fields import numbers
from z4j_adapters.transfer.dst import fitting, gaps, listed, looked_until
from z4j_adapters.transfer.model import Note
from z4j_adapters.transfer.nominal import Nominal
from z4j_adapters.transfer.zones import zone_of

__all__ = [
    "HOST_ZONE_UNKNOWN",
    "clock_rule",
    "has_host_zone",
    "rq_libraries",
]

HOST_ZONE_UNKNOWN = Unfit(
    "R4_ZONE",
    "RQ from 3.0 on takes its hours from the clock of the host that runs `rq cron`, which nothing "
    "names",
    "give --timezone with the zone of that host",
)


def has_host_zone(installed: str) -> bool:
    """Whether this RQ's crons follow the clock of their host; before 3.0 it was UTC."""
    return int(installed.partition(".")[0]) >= 3


def rq_libraries(*, croniter: bool) -> dict[str, str]:
    """Versions of all that decides when `rq cron` fires; RQ's own is "rq".

    Raises:
        ModuleNotFoundError: RQ is missing, or croniter although it is needed.
    """
    libraries = {"python": platform.python_version()}
    for name in ("rq", "croniter"):
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            if name == "rq" or croniter:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name) from None
    return libraries


@lru_cache(maxsize=10_000)  # Many jobs have the same times.
def clock_rule(
    expression: str, zone_name: str, at: datetime
) -> tuple[Mapping[str, str], tuple[Note, ...]]:
    """What RQ does with times that are left out or repeated, as fields of a Schedule; and where
    it, which goes on from the run before, leaves out what the clocks moved."""
    if zone_name == "UTC":
        return {}, ()
    spec, _ = cron_spec(expression)
    box, zone = cron_box(spec), zone_of(zone_name)
    policy = "SHIFT"
    if box is None:
        walls = every_day(*(numbers(name, spec[name]) for name in ("hour", "minute", "second")))
        nominal = Nominal([walls], zone, gap=policy, fold="FIRST")
        found = listed(gaps(nominal, zone, at))
        dates = f"around the changes until {looked_until(nominal, at):%Y-%m-%d}: {found}"
    else:
        fires = cron_fires(expression, zone)
        policy, differs = fitting([box], fires, zone, at, None, gap=policy, fold="FIRST")
        found = dates = str(differs or "")
    fields = {"gap": f"GAP_POLICY_{policy}", "fold": "FOLD_POLICY_FIRST"}
    if not found:
        return fields, ()
    return fields, (
        Note("DST_DIFFERS", "when the clocks go forward, RQ counts on from the time that it moved, "
             f"and leaves out others; here they come; {dates}"),
    )  # fmt: skip
