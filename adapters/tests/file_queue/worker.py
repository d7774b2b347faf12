"""The engine's own worker, which knows nothing of adapters: python worker.py FOLDER RECORD."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def run(task: dict[str, Any], fire_id: str, record: Path) -> str:
    """Runs one; returns its error, or an empty text."""
    if task["task"] == "contract.fail":
        return "ValueError: as it should"
    if task["task"] == "contract.hold":
        return hold(Path(task["args"][0]), fire_id, record)
    if task["task"] != "contract.echo":
        return f"no task is named {task['task']}"
    with record.open("a") as file:
        file.write(json.dumps([fire_id, task["args"], task["kwargs"]]) + "\n")
    return ""


def hold(release: Path, fire_id: str, record: Path) -> str:
    """Runs until a file is there."""
    with record.open("a") as file:
        file.write(json.dumps([fire_id, [str(release)], {}]) + "\n")
    deadline = time.monotonic() + 30
    while not release.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return ""


def main() -> None:
    """Runs what comes, in the order of coming, until it is killed."""
    folder, record = Path(sys.argv[1]), Path(sys.argv[2])
    done: set[str] = set()
    while True:
        found = [path for path in (folder / "tasks").glob("*.json") if path.stem not in done]
        for path in sorted(found, key=lambda path: path.stat().st_mtime_ns):
            done.add(path.stem)
            (folder / "running" / path.stem).touch()
            error = run(json.loads(path.read_text()), path.stem, record)
            draft = folder / "done" / f"{path.stem}.{os.getpid()}"
            draft.write_text(json.dumps({"error": error}))
            draft.rename(folder / "done" / f"{path.stem}.json")
        if not found:
            time.sleep(0.01)


if __name__ == "__main__":
    main()
