"""What became of the random definitions of one source, or of the schedules for one target: for who
reads it, and for `./dev fidelity`.

With Z4J_TALLIES each tally is a JSON file of that folder, written anew about every second.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from transfer.instants import COUNT, EPOCH, FIRES, SEED
from z4j_adapters.transfer.answers import CALENDAR_END_US

__all__ = ["Tally", "tally"]

KEPT = 20  # Of those that differ; the others are only counted.
WRITTEN_EVERY_S = 1.0
END_US = CALENDAR_END_US - 86_400_000_000  # In zones ahead of UTC the calendar ends hours earlier.


class Tally:
    """Counts verdicts, and keeps what differs."""

    def __init__(self, source: str, library: str, fires: int = FIRES) -> None:
        """`fires` due times of each definition are compared."""
        self.verdicts: Counter[str] = Counter()
        self.invalid = 0
        """Definitions that the library itself refuses: not tried."""
        self.differing = 0
        self._source, self._library, self._fires = source, library, fires
        self._kept: list[dict[str, str]] = []
        self._written = 0.0

    @property
    def tried(self) -> int:
        """Definitions that the library takes."""
        return self.verdicts.total()

    def promises(self, line: dict[str, Any]) -> bool:
        """Count a definition by its first line; whether it is said to have the library's times."""
        if line["type"] == "refused":
            verdict = f"refused: {line['code']}"
        elif line["exactness"] == "APPROXIMATE":
            verdict = f"APPROXIMATE: {line['reasons'][-1]['code']}"
        else:
            verdict = line["exactness"]
        self.count(verdict)
        return verdict in ("EXACT", "EQUAL_SET")

    def count(self, verdict: str) -> None:
        """One more was tried, and became this."""
        self.verdicts[verdict] += 1
        if time.monotonic() - self._written > WRITTEN_EVERY_S:
            self.write(done=False)

    def compare(self, definition: str, ours: list[int], theirs: list[int]) -> None:
        """Hold due times against the library's; `definition` says where and from when, too."""
        ours, theirs = ([us for us in times if us < END_US] for times in (ours, theirs))
        if ours == theirs:
            return
        self.differing += 1
        pairs = zip([*ours, None], [*theirs, None], strict=False)
        number, (our, their) = next((n, p) for n, p in enumerate(pairs, 1) if p[0] != p[1])
        if len(self._kept) < KEPT:
            first = {"fire": str(number), "ours": _shown(our), "theirs": _shown(their)}
            self._kept.append({"definition": definition, **first})

    def write(self, *, done: bool) -> None:
        """Put the file where `./dev fidelity` looks for it."""
        self._written = time.monotonic()
        folder = os.environ.get("Z4J_TALLIES")
        if not folder:
            return
        path = Path(folder) / f"{self._source}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({**self._as_json(), "done": done}))
        fresh.replace(path)

    def _as_json(self) -> dict[str, Any]:
        return {
            "source": self._source,
            "library": self._library,
            "seed": SEED,
            "wanted": COUNT,
            "fires": self._fires,
            "tried": self.tried,
            "invalid": self.invalid,
            "verdicts": dict(self.verdicts),
            "differing": self.differing,
            "different": self._kept,
        }

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {what}" for what, count in sorted(self.verdicts.items()))
        return f"{self._library}: {self.tried} tried, Z4J_SEED={SEED}: {counted}"

    def check(self) -> None:
        """Fail if something differed."""
        print(self)
        assert not self.differing, f"Z4J_SEED={SEED}: {self.differing} differ: {self._kept}"


@contextlib.contextmanager
def tally(source: str, library: str, fires: int = FIRES) -> Iterator[Tally]:
    """Count in a block, which fails at its end if something differed."""
    counted = Tally(source, library, fires)
    done = False
    try:
        yield counted
        done = True
    finally:
        counted.write(done=done)
    counted.check()


def _shown(us: int | None) -> str:
    return "none" if us is None else (EPOCH + timedelta(microseconds=us)).isoformat()
