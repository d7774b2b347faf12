"""Who sent what in the migration demo, and whether the worker ran all of it once."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

SENT = re.compile(r"Scheduler: Sending due task (\S+) \(")
_MINUTE_S = 60
EVERY_MINUTE = ("charge-cards", "send-mails")


@dataclass(frozen=True)
class Run:
    """What the worker wrote down as it began a task."""

    entry: str
    at: float
    id: str


@dataclass
class Entry:
    """The sends and the runs of one entry."""

    by_beat: int = 0
    ours: dict[str, float] = field(default_factory=dict)
    """Message id → due time, of fires that were handed to the worker."""
    skipped: list[float] = field(default_factory=list)
    """Due times that were recorded and not sent."""
    runs: list[Run] = field(default_factory=list)

    def ran(self, *, ours: bool) -> int:
        """Runs of what we, or beat, sent."""
        return sum((run.id in self.ours) == ours for run in self.runs)


def read_ledger(lines: list[str], names: dict[tuple[str, str], str]) -> list[Run]:
    """The worker's lines; `names` tells the entry of a task and its arguments."""
    runs = []
    for line in map(json.loads, lines):
        key = (line["task"], json.dumps(line["args"]))
        runs.append(Run(names.get(key, line["task"]), line["at"], line["id"]))
    return runs


def balance(beat_log: str, fires: list[dict[str, Any]], runs: list[Run]) -> dict[str, Entry]:
    """All three sides, by entry."""
    found: dict[str, Entry] = {}
    for name in SENT.findall(beat_log):
        found.setdefault(name, Entry()).by_beat += 1
    for fire in fires:
        entry = found.setdefault(str(fire["name"]).split("/")[3], Entry())
        due = datetime.fromisoformat(str(fire["dueTime"]).replace("Z", "+00:00")).timestamp()
        if fire["state"] == "STATE_SKIPPED":
            entry.skipped.append(due)
        else:
            entry.ours[str(fire["uid"])] = due
    for run in runs:
        found.setdefault(run.entry, Entry()).runs.append(run)
    return found


def skipped_between(entries: dict[str, Entry], begin: float, end: float) -> list[str]:
    """Entries with a due time in between that was recorded and sent by nobody."""
    return sorted(
        name for name, entry in entries.items() if any(begin < due < end for due in entry.skipped)
    )


def faults(entries: dict[str, Entry]) -> list[str]:
    """What was lost or doubled, a sentence each."""
    found = []
    ids = Counter(run.id for entry in entries.values() for run in entry.runs)
    found += [f"message {id} ran {n} times" for id, n in ids.items() if n > 1]
    for name, entry in entries.items():
        if entry.by_beat != entry.ran(ours=False):
            found.append(f"{name}: beat sent {entry.by_beat}, {entry.ran(ours=False)} ran")
        if len(entry.ours) != entry.ran(ours=True):
            found.append(f"{name}: we sent {len(entry.ours)}, {entry.ran(ours=True)} ran")
        found += [f"{name}: {fault}" for fault in _grid_faults(sorted(entry.ours.values()))]
    for name in EVERY_MINUTE:
        found += [f"{name}: {fault}" for fault in _minute_faults(entries.get(name, Entry()).runs)]
    return found


def _grid_faults(dues: list[float]) -> list[str]:
    """Due times of ours between which there is not always the same time."""
    steps = {round(later - earlier, 3) for earlier, later in pairwise(dues)}
    return [f"our due times are {sorted(steps)} s apart"] if len(steps) > 1 else []


def _minute_faults(runs: list[Run]) -> list[str]:
    """Minutes without a run, or with several, from the first run to the last."""
    minutes = Counter(int(run.at // _MINUTE_S) for run in runs)
    found = []
    for minute in range(min(minutes, default=0), max(minutes, default=-1) + 1):
        if minutes[minute] != 1:
            at = datetime.fromtimestamp(minute * _MINUTE_S).strftime("%H:%M")
            found.append(f"{minutes[minute]} runs in the minute of {at}")
    return found


def table(entries: dict[str, Entry], sides: dict[str, Entry]) -> str:
    """What is new of the entries since they were as in `sides`, as text."""
    rows = [f"{'entry':<18}{'beat sent':>10}{'we sent':>9}{'the worker ran':>16}"]
    for name, entry in sorted(entries.items()):
        old = sides.get(name, Entry())
        sent, ours = entry.by_beat - old.by_beat, len(entry.ours) - len(old.ours)
        ran = len(entry.runs) - len(old.runs)
        if sent or ours or ran:
            rows.append(f"{name:<18}{sent:>10}{ours:>9}{ran:>16}")
    return "\n".join(rows)
