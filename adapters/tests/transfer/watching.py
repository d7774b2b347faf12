"""`z4j-adapter watch` as a process, and what it says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import Process, wait_for


class Watch(Process):
    """The command; its lines are in its log, with what went to standard error."""

    def __init__(self, folder: Path, *args: str, **env: str) -> None:
        command = [sys.executable, "-m", "z4j_adapters", "watch", *args]
        super().__init__(command, folder, "watch", **env)

    def lines(self, kind: str = "") -> list[dict[str, Any]]:
        """The lines so far; of one type, if given."""
        texts = [text for text in self.log().splitlines() if text.startswith('{"type"')]
        lines: list[dict[str, Any]] = [json.loads(text) for text in texts]
        return [line for line in lines if kind in ("", line["type"])]

    def wait_seen(self, count: int, timeout_s: float = 40) -> list[dict[str, Any]]:
        """Waits until `count` jobs were seen."""
        wait_for(f"{count} jobs", lambda: len(self.lines("seen")) >= count, timeout_s)
        return self.lines("seen")


@contextmanager
def watching(folder: Path, *args: str, **env: str) -> Iterator[Watch]:
    """A watch that has begun; it is ended by SIGTERM, and must have ended well."""
    watch = Watch(folder, *args, **env)
    watch.start()
    try:
        wait_for("the watch", lambda: watch.lines("watching") or watch.lines("error"), 40)
        assert not watch.lines("error"), watch.log()
        yield watch
    finally:
        code = watch.stop()
    assert (code, watch.lines()[-1]["type"]) == (0, "end"), watch.log()
