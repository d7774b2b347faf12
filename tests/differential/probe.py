"""Asks the scheduler's own evaluator, through the `recurrence_probe` binary."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType

from .specs import END, Case, Spec

ROOT = Path(__file__).resolve().parents[2]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Probe:
    """A running `recurrence_probe`; use it as a context manager."""

    def __init__(self) -> None:
        build = Path(os.environ.get("Z4J_BUILD_DIR", ROOT / "build" / "dev"))
        self._process = subprocess.Popen(
            [build / "services/scheduler/core/recurrence_probe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def next(
        self,
        case: Case,
        *,
        spec: Spec | None = None,
        gap: str = "NEXT_VALID",
        fold: str = "AUTO",
    ) -> list[datetime] | None:
        """The due times of the case in UTC; None if the spec is refused as never due.

        `spec` stands in for the case's own; the defaults are the scheduler's defaults.
        """
        spec = spec or case.spec
        question = {
            "expr": str(spec),
            "day_match": spec.day_match,
            "zone": case.zone,
            "gap": gap,
            "fold": fold,
            "after_us": (case.after - EPOCH) // timedelta(microseconds=1),
            "n": case.count,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            assert "never comes due" in answer["error"], (question, answer)
            return None
        times = [EPOCH + timedelta(microseconds=us) for us in answer["times_us"]]
        return [time for time in times if time < END]
