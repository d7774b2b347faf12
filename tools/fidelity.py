"""Compares random definitions of every scheduler that we import from with its own library.

Each source's definitions are drawn, imported, and their next due times by our evaluator held
against the library's.  Prints a table row for each source, and each definition that differs with
the seed that draws it again and its first differing due time.  Exit code: 0 all agree, 1 something
differs, 2 a comparison did not come to its end.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from run_tests import ROOT

TESTS = ROOT / "adapters" / "tests"
SHOWN_EVERY_S = 10.0
HEAD = (
    "| source | tried | exact | equal set | approximate | refused | differing |\n"
    "|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Comparison:
    """One random test; it tallies under `name`."""

    name: str
    test: str
    environment: str = "venv"
    fires: int = 1000


SOURCES: dict[str, tuple[Comparison, ...]] = {
    "celery": (Comparison("celery", "transfer/test_celery_random.py::test_due_times_are_celerys"),),
    "django-celery-beat": (
        Comparison(
            "django-celery-beat",
            "transfer/test_django_celery_beat.py::test_due_times_are_those_of_its_own_scheduler",
        ),
    ),
    "redbeat": (
        Comparison(
            "redbeat",
            "transfer/test_redbeat.py::test_due_times_are_those_of_redbeats_own_rrule",
        ),
    ),
    "rq": (
        Comparison(
            "rq",
            "transfer/test_rq_expressions.py::test_random_expressions_have_croniters_instants",
        ),
        Comparison(
            "rq-host",
            "transfer/test_rq_host_clock.py"
            "::test_random_crons_in_the_zone_of_a_host_have_rqs_own_times",
        ),
    ),
    "rq-scheduler": (
        Comparison(
            "rq-scheduler",
            "transfer/test_rq_scheduler_importing.py"
            "::test_random_crontabs_have_the_librarys_instants",
            "venv-arq",
            fires=250,  # Its own search is slow.
        ),
    ),
    "apscheduler": (
        Comparison(
            "apscheduler-3",
            "transfer/test_apscheduler3_random.py::test_random_triggers_have_the_librarys_instants",
        ),
        Comparison(
            "apscheduler-4",
            "transfer/test_apscheduler4.py::test_random_triggers_have_the_librarys_instants",
            "venv-arq",
        ),
    ),
    "huey": (
        Comparison(
            "huey", "engines/test_huey_import.py::test_every_crontab_fires_when_huey_says_so"
        ),
    ),
    "arq": (
        Comparison(
            "arq",
            "engines/test_arq_import.py::test_every_cron_job_fires_when_arq_says_so",
            "venv-arq",
            fires=150,  # Of which the test takes a fifth: arq tries second after second.
        ),
    ),
    "taskiq": (
        Comparison(
            "taskiq", "engines/test_taskiq_import.py::test_every_entry_fires_when_taskiq_says_so"
        ),
    ),
    "dramatiq": (
        Comparison(
            "periodiq",
            "engines/test_dramatiq_import.py::test_every_periodic_actor_runs_when_periodiq_says_so",
        ),
        Comparison(
            "dramatiq-crontab",
            "engines/test_dramatiq_import.py"
            "::test_every_job_of_dramatiq_crontab_runs_when_apscheduler_says_so",
        ),
    ),
    "cron": (
        Comparison(
            "cron",
            "transfer/test_cron_random.py::test_every_line_runs_when_debians_cron_runs_it",
        ),
    ),
}


class Run:
    """A comparison under way, which tallies into a folder."""

    def __init__(self, what: Comparison, folder: Path, options: argparse.Namespace) -> None:
        self.what = what
        self._tally = folder / f"{what.name}.json"
        self._log = (folder / f"{what.name}.log").open("w+")
        environment = {
            **os.environ,
            "Z4J_TALLIES": str(folder),
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
    cells = [
        tally["library"],
        f"{tally['tried']:,}",
        f"{verdicts.get('EXACT', 0):,}",
        f"{verdicts.get('EQUAL_SET', 0):,}",
        by_cause(verdicts, "APPROXIMATE: "),
        by_cause(verdicts, "refused: "),
        f"{tally['differing']:,}",
    ]
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
    parser.add_argument("--count", type=int, default=10_000, help="definitions a source (10000)")
    parser.add_argument("--engine", choices=SOURCES, help="one source alone")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**32), help="not a drawn one"
    )
    parser.add_argument("--fires", type=int, help="due times of each definition (1000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at once")
    options = parser.parse_args()
    if options.count < 1 or options.jobs < 1 or (options.fires or 1) < 1:
        parser.error("--count, --fires and --jobs are at least 1")
    return options


def main() -> int:
    """Compares, prints."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # And with it all that was started.
    chosen = [options.engine] if options.engine else list(SOURCES)
    comparisons = [each for source in chosen for each in SOURCES[source]]
    print(f"{options.count:,} random definitions a source, seed {options.seed}\n{HEAD}", flush=True)
    began = time.monotonic()
    codes = [report(run, options.seed) for run in runs(comparisons, options)]
    print(f"{len(codes)} comparisons in {time.monotonic() - began:.0f} s")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
