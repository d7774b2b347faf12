"""Which clock RQ's crons follow, and what RQ does when it is changed."""

from __future__ import annotations

import platform
from datetime import datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from z4j_adapters.engines.rq.importing.croniters import cron_box, cron_fires, cron_spec
from z4j_adapters.engines.rq.importing.stored import Unfit
from z4j_adapters.transfer.boxes import every_day
from z4j_adapters.transfer.cron_fields import numbers
from z4j_adapters.transfer.dst import difference, gaps
from z4j_adapters.transfer.model import Note
from z4j_adapters.transfer.nominal import Nominal
from z4j_adapters.transfer.values import timestamp
from z4j_adapters.transfer.zones import zone_of

__all__ = [
    "HOST_ZONE_UNKNOWN",
    "clock_policies",
    "has_host_zone",
    "leaves_rule",
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


def clock_policies(zone_name: str) -> dict[str, str]:
    """What RQ does with times that are left out or repeated, as fields of a Schedule."""
    if zone_name == "UTC":
        return {}
    return {"gap": "GAP_POLICY_SHIFT", "fold": "FOLD_POLICY_FIRST"}


@lru_cache(maxsize=10_000)  # Many jobs have the same times.
def leaves_rule(expression: str, zone_name: str, at: datetime) -> tuple[Note, ...]:
    """Say when RQ, which goes on from the run before, leaves out what the clocks moved."""
    spec, _ = cron_spec(expression)
    box, zone = cron_box(spec), zone_of(zone_name)
    if box is None:
        walls = every_day(*(numbers(name, spec[name]) for name in ("hour", "minute", "second")))
        found = next(gaps(Nominal([walls], zone, gap="SHIFT", fold="FIRST"), zone, at), None)
    else:
        nominal = Nominal([box], zone, gap="SHIFT", fold="FIRST")
        differs = difference(nominal, cron_fires(expression, zone), zone, at, None)
        found = None if differs is None else differs.at
    if found is None:
        return ()
    return (
        Note("DST_DIFFERS", "when the clocks go forward, RQ counts on from the time that it moved, "
             f"and leaves out others; here they come; first around {timestamp(found)}"),
    )  # fmt: skip
