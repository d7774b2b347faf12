"""Compares random definitions of every scheduler that we import from with its own library.

Each source's definitions are drawn, imported, and their next due times by our evaluator held
against the library's; with --to random schedules are exported, and what was written is loaded and
held against ours.  Prints a table row for each source or target, and each definition that differs
with the seed that draws it again and its first differing due time.  Exit code: 0 all agree, 1
something differs, 2 a comparison did not come to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fidelity_comparisons import SOURCES, TARGETS, Comparison
from run_tests import ROOT

TESTS = ROOT / "adapters" / "tests"
SHOWN_EVERY_S = 10.0
SOURCE_HEAD = (
    "| source | tried | exact | equal set | approximate | refused | differing |\n"
    "|---|---|---|---|---|---|---|"
)
TARGET_HEAD = "| target | tried | exported | refused | differing |\n|---|---|---|---|---|"


class Run:
    """A comparison under way, which tallies into a folder."""

    def __init__(self, what: Comparison, folder: Path, options: argparse.Namespace) -> None:
        self.what = what
        own = folder / what.environment
        own.mkdir(exist_ok=True)
        self._tally = own / f"{what.name}.json"
        self._log = (own / f"{what.name}.log").open("w+")
        environment = {
            **os.environ,
            "Z4J_TALLIES": str(own),
            "Z4J_SPECS": str(options.count),
            "Z4J_SEED": str(options.seed),
            "Z4J_FIRES": str(options.fires or what.fires),
        }
        python = ROOT / "build" / what.environment / "bin" / "python"
        self._process = subprocess.Popen(
            [python, "-m", "pytest", "-q", "-x", "--timeout", "0", "-p", "no:cacheprovider",
             TESTS / what.test],
            cwd=ROOT, env=environment, stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def ended(self) -> bool:
        """Whether it has."""
        return self._process.poll() is not None

    def tally(self) -> dict[str, Any]:
        """What it has counted so far."""
        try:
            found: dict[str, Any] = json.loads(self._tally.read_text())
        except FileNotFoundError:
            return {"done": False, "tried": 0, "differing": 0}
        return found

    def log(self) -> str:
        """The end of what its test said."""
        self._log.seek(0)
        return self._log.read()[-4000:]

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def runs(comparisons: Sequence[Comparison], options: argparse.Namespace) -> Iterator[Run]:
    """Run comparisons, as many at once as there are processors; each when it has ended."""
    waiting, running = list(comparisons), list[Run]()
    shown = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="z4j-fidelity-") as folder:
        try:
            while waiting or running:
                while waiting and len(running) < options.jobs:
                    running.append(Run(waiting.pop(0), Path(folder), options))
                time.sleep(0.2)
                for run in [run for run in running if run.ended()]:
                    running.remove(run)
                    yield run
                if running and time.monotonic() - shown > SHOWN_EVERY_S:
                    shown = time.monotonic()
                    print("  … " + ", ".join(map(progress, running)), file=sys.stderr, flush=True)
        finally:
            for run in running:
                run.kill()


def progress(run: Run) -> str:
    """How far it is."""
    tally = run.tally()
    differing = f", {tally['differing']} differ" if tally["differing"] else ""
    return f"{run.what.name}: {tally['tried']:,}{differing}"


def row(tally: dict[str, Any]) -> str:
    """Its line of the table."""
    verdicts: dict[str, int] = tally["verdicts"]
    if tally["source"].startswith("to-"):
        became = [by_cause(verdicts, "exported: ")]
    else:
        became = [f"{verdicts.get(exact, 0):,}" for exact in ("EXACT", "EQUAL_SET")]
        became.append(by_cause(verdicts, "APPROXIMATE: "))
    cells = [tally["library"], f"{tally['tried']:,}", *became, by_cause(verdicts, "refused: "),
             f"{tally['differing']:,}"]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def by_cause(verdicts: dict[str, int], what: str) -> str:
    """The counts of a verdict, the greatest first."""
    found = sorted(
        (-count, verdict.removeprefix(what))
        for verdict, count in verdicts.items()
        if verdict.startswith(what)
    )
    return ", ".join(f"{-count:,} {cause}" for count, cause in found) or "0"


def report(run: Run, seed: int) -> int:
    """Print what one found; its exit code."""
    tally = run.tally()
    if not tally["done"]:
        print(f"{run.what.name} did not come to its end:\n{run.log()}", flush=True)
        return 2
    print(row(tally), flush=True)
    for each in tally["different"]:
        print(
            f"  differs: {each['definition']}: due time {each['fire']} is {each['ours']} here, "
            f"{each['theirs']} there (--seed {seed})"
        )
    return 1 if tally["differing"] else 0


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="./dev fidelity", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--count", type=int, default=10_000, help="definitions a source or target (10000)"
    )
    parser.add_argument("--engine", choices=SOURCES, help="one source alone")
    parser.add_argument(
        "--to", choices=("all", *TARGETS), help="exports instead, to one target or all"
    )
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**32), help="not a drawn one"
    )
    parser.add_argument(
        "--fires", type=int, help="due times of each definition (1000; exports have 60 always)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at once")
    options = parser.parse_args()
    if options.count < 1 or options.jobs < 1 or (options.fires or 1) < 1:
        parser.error("--count, --fires and --jobs are at least 1")
    if options.to and (options.engine or options.fires):
        parser.error("--to goes with neither --engine nor --fires")
    return options


def main() -> int:
    """Compares, prints."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # And with it all that was started.
    table, head = (TARGETS, TARGET_HEAD) if options.to else (SOURCES, SOURCE_HEAD)
    one = None if options.to == "all" else options.to or options.engine
    comparisons = [each for name in table if one in (None, name) for each in table[name]]
    print(f"{options.count:,} random definitions each, seed {options.seed}\n{head}", flush=True)
    began = time.monotonic()
    codes = [report(run, options.seed) for run in runs(comparisons, options)]
    print(f"{len(codes)} comparisons in {time.monotonic() - began:.0f} s")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
