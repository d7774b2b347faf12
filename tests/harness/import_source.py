"""A stand-in for the Python half of an import, which tells what a test wrote down.

It keeps the contract of docs/migrating/README.md, so that the command line can be tested without
any engine's library.  An entry with `daily` tells its fires as Celery would: a wall time that a
change of the clock removes runs as late as the clock was put forward.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_PROGRAM = """
import json, os, sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

folder = Path(__file__).resolve().parent
told = json.loads((folder / "source.json").read_text())
words = sys.argv[1:]
with (folder / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
if "--help" in words:
    print("usage: z4j-adapter import --from stand-in --app APP")
    sys.exit(0)


def flag(name, otherwise):
    return words[words.index(name) + 1] if name in words else otherwise


count = int(flag("--fires", "0"))
at = datetime.fromisoformat(flag("--at", "2026-01-01T00:00:00Z").replace("Z", "+00:00"))


def tell(**line):
    print(json.dumps(line), flush=True)


def fires(daily):
    time, zone = daily
    hour, minute = map(int, time.split(":"))
    day = at.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    found = []
    while len(found) < count:
        wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
        due = wall.astimezone(timezone.utc)
        if due > at:
            found.append(int(due.timestamp()) * 1_000_000)
        day += timedelta(days=1)
    return found


if "error" in told:
    tell(type="error", **told["error"])
    sys.exit(2)
source = {"kind": "stand-in", "version": "1.0", "locator": told["locator"]}
tell(type="source", **source, libraries={"python": "3.11"}, tzdata=told["tzdata"],
     read_at="2026-01-01T00:00:00Z")
for number, entry in enumerate(told["entries"]):
    if number == told.get("dies_after"):
        print("out of memory", file=sys.stderr)
        os._exit(9)
    line = dict(entry)
    daily = line.pop("daily", None)
    if daily and count:
        line["fires"] = fires(daily)
    tell(type="schedule", source={**source, "key": line["id"], "raw": "raw"}, **line)
for refused in told["refused"]:
    tell(type="refused", source={**source, "key": refused["object"]}, **refused)
end = {"zones": told["zones"]} if "zones" in told else {}
tell(type="end", schedules=len(told["entries"]), refused=len(told["refused"]), **end)
"""


class StandInSource:
    """A source with entries that a test sets."""

    def __init__(self, folder: Path, tzdata: str) -> None:
        self.path = folder
        self.entries: list[dict[str, Any]] = []
        self.refused: list[dict[str, str]] = []
        self.more: dict[str, Any] = {"locator": "proj:app", "tzdata": tzdata}
        self._package = folder / "z4j_adapters"
        self._package.mkdir(parents=True)
        (self._package / "__init__.py").write_text("")
        (self._package / "__main__.py").write_text(_PROGRAM)

    def write(self) -> None:
        """Makes what was set hold."""
        told = {**self.more, "entries": self.entries, "refused": self.refused}
        (self._package / "source.json").write_text(json.dumps(told))

    def calls(self) -> list[list[str]]:
        """The words of each start."""
        return [json.loads(x) for x in (self._package / "calls.jsonl").read_text().splitlines()]


def daily(name: str, time: str, zone: str = "Europe/Berlin", **schedule: Any) -> dict[str, Any]:
    """An entry that fires once a day, exactly."""
    hour, minute = time.split(":")
    cron = {"minute": str(int(minute)), "hour": str(int(hour)), "dayMatch": "DAY_MATCH_AND"}
    return {
        "id": name,
        "schedule": {
            "engine": "stub",
            "task": "demo.add",
            "spec": {"cron": cron},
            "timeZone": zone,
            "gap": "GAP_POLICY_SHIFT",
            "fold": "FOLD_POLICY_FIRST",
            **schedule,
        },
        "exactness": "EXACT",
        "reasons": [],
        "warnings": [],
        "becomes": f"cron {int(minute)} {int(hour)} * * *",
        "daily": [time, zone],
    }
