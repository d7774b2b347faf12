"""Runs the benchmarks against the release build and prints the figures.

    ./dev bench                       every part, as a table
    ./dev bench --only durable -o json

Every figure is measured in this run, on this machine, with fsync on; where a peer is named, it was
measured in the same run.  bench/README.md says what each one means.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "build" / "python")]

from bench import (  # noqa: E402
    celery_parts,
    consensus_parts,
    engine_parts,
    import_parts,
    memory_parts,
    parts,
    takeover_parts,
)
from bench.rig import Row  # noqa: E402


@dataclass(frozen=True)
class Figure:
    """One measured number, beside the peer's where there is one."""

    name: str
    value: float
    unit: str
    n: int
    peer: str = ""
    peer_value: float | None = None


# What the names of a part's figures begin with → what measures them.
PARTS: dict[tuple[str, ...], Callable[[Path, ExitStack], Iterator[Row]]] = {
    ("next_fire_ns",): parts.next_fire,
    ("create_per_s",): parts.create,
    ("edit_visible_ms",): parts.edit_visible,
    ("burst_lateness_ms.postgres",): partial(parts.burst, "postgres"),
    ("burst_lateness_ms.sqlite",): partial(parts.burst, "sqlite"),
    ("durable_fires_per_s.postgres",): partial(parts.durable, "postgres"),
    ("durable_fires_per_s.sqlite",): partial(parts.durable, "sqlite"),
    ("celery_fires_per_s", "celery_lateness_ms"): celery_parts.with_2000_entries,
    ("celery_10k_fires_per_s",): celery_parts.with_10000_entries,
    **{
        (
            f"engine_fires_per_s.{name}",
            f"adapter_rss_mb.{name}",
            f"adapter_idle_cpu_percent.{name}",
        ): partial(engine_parts.fires, name)
        for name in engine_parts.ENGINES
    },
    ("takeover_ms.stop.1k", "takeover_ms.kill9.1k"): partial(takeover_parts.takeover, 1_000, "1k"),
    ("takeover_ms.stop.100k", "takeover_ms.kill9.100k"): partial(
        takeover_parts.takeover, 100_000, "100k"
    ),
    ("failover_ms.kill9",): partial(takeover_parts.failover, "kill9"),
    ("failover_ms.sigstop",): partial(takeover_parts.failover, "sigstop"),
    ("failover_ms.graceful",): partial(takeover_parts.failover, "graceful"),
    ("raft_elections.full_load",): takeover_parts.full_load,
    ("raft_entries_per_s", "raft_commit_ms"): consensus_parts.entries,
    ("import_per_s",): import_parts.writes,
    ("import_plan_s", "prove_per_s"): import_parts.plans,
    ("memory_bytes_per_schedule.100k", "startup_s.100k"): partial(
        memory_parts.intervals, 100_000, "100k"
    ),
    ("memory_bytes_per_schedule.1m", "startup_s.1m"): partial(
        memory_parts.intervals, 1_000_000, "1m"
    ),
    ("memory_bytes_per_schedule.crons.1m",): partial(memory_parts.crons, 1_000_000, "1m"),
}


def measure(only: str) -> tuple[list[Figure], list[str]]:
    """Runs every part with a figure whose name begins with `only`, or is a beginning of it.

    Returns what was measured, and the parts that failed: one that does costs no other its figures.
    """
    figures, failed = [], []
    for names, part in PARTS.items():
        if not any(name.startswith(only) or only.startswith(name) for name in names):
            continue
        print(f"measuring {', '.join(names)} …", file=sys.stderr, flush=True)
        begin = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="z4j-bench-") as folder, ExitStack() as stack:
                for row in part(Path(folder), stack):
                    figures.append(Figure(*row))
        except Exception:
            traceback.print_exc()
            failed.append(", ".join(names))
        print(f"  took {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return figures, failed


def print_table(figures: list[Figure]) -> None:
    """For people."""
    print(f"{'figure':<40}{'value':>12} {'unit':<6}{'n':>10}  peer in the same run")
    for f in figures:
        peer = f"{f.peer}: {f.peer_value:,.1f}" if f.peer_value is not None else ""
        print(f"{f.name:<40}{f.value:>12,.1f} {f.unit:<6}{f.n:>10,.0f}  {peer}")


def main() -> int:
    """Runs the chosen parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", help="only parts with figures whose name begins so")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    figures, failed = measure(options.only)
    if not figures and not failed:
        names = ", ".join(name for part in PARTS for name in part)
        print(f'bench: no figure begins with "{options.only}"; there are {names}', file=sys.stderr)
        return 2
    if options.output == "json":
        print(json.dumps({"figures": [asdict(figure) for figure in figures]}, indent=1))
    else:
        print_table(figures)
    for part in failed:
        print(f"bench: not measured, for the reason above: {part}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
