"""Runs the benchmarks against the release build and prints the figures.

    ./dev bench                       every part, as a table
    ./dev bench --only durable -o json

Every figure is measured in this run, on this machine, with fsync on; where a peer is named, it was
measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "build" / "python")]

from bench import parts  # noqa: E402


@dataclass(frozen=True)
class Figure:
    """One measured number, beside the peer's where there is one."""

    name: str
    value: float
    unit: str
    n: int
    peer: str = ""
    peer_value: float | None = None


# Prefix of the figures' names → what measures them.
PARTS: dict[str, Callable[[Path, ExitStack], Iterator[tuple[object, ...]]]] = {
    "next_fire_ns": parts.next_fire,
    "create_per_s": parts.create,
    "edit_visible_ms": parts.edit_visible,
    "burst_lateness_ms.postgres": parts.burst_postgres,
    "burst_lateness_ms.sqlite": parts.burst_sqlite,
    "durable_fires_per_s.postgres": parts.durable_postgres,
    "durable_fires_per_s.sqlite": parts.durable_sqlite,
    "celery_fires_per_s": parts.celery,
    "memory_bytes_per_schedule.100k": parts.memory_100k,  # Also startup_s.100k.
    "memory_bytes_per_schedule.1m": parts.memory_1m,
}


def main() -> int:
    """Runs the chosen parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", help="only parts whose name begins so")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    figures = []
    for name, part in PARTS.items():
        wanted = name.startswith(options.only) or options.only.startswith(name)
        if not wanted and not (options.only.startswith("startup") and "100k" in name):
            continue
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="z4j-bench-") as folder, ExitStack() as stack:
            figures += [Figure(*row) for row in part(Path(folder), stack)]  # type: ignore[arg-type]
    if options.output == "json":
        print(json.dumps({"figures": [vars(figure) for figure in figures]}, indent=1))
        return 0
    print(f"{'figure':<40}{'value':>12} {'unit':<8}{'n':>9}  peer")
    for f in figures:
        peer = f"{f.peer}: {f.peer_value:,.1f}" if f.peer_value is not None else ""
        print(f"{f.name:<40}{f.value:>12,.1f} {f.unit:<8}{f.n:>9}  {peer}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
