"""A migration, seen: 40 entries of a Celery project move from beat to the scheduler and back.

Redis, celery beat and a Celery worker are the real ones, and the project, examples/migrate, knows
nothing of the scheduler.  Each step shows its command and what it prints.  The exit code is 1, and
the end says why, if a run was lost or doubled, or a step ended otherwise than it should.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from migrate_balance import (  # noqa: E402
    EVERY_MINUTE,
    SENT,
    Entry,
    balance,
    faults,
    read_ledger,
    skipped_between,
    table,
)

from tests.harness.celery_side import CeleryAdapter  # noqa: E402
from tests.harness.processes import VENV_BIN, Program, wait_for  # noqa: E402
from tests.harness.redis_server import RedisServer  # noqa: E402
from tests.harness.scheduler_server import CliError, SchedulerServer  # noqa: E402

PROJECT = ROOT / "examples" / "migrate"
APP = "shop.app:app"
IMPORT = f"import --from celery --celery-app {APP} --state celerybeat-schedule"
REFUSED = {"second-reminder": "OPTION_NOT_HELD", "invoices": "R1_OPAQUE"}
LINES_MAX = 64  # Of one command's output,
FEW_LINES = 12  # and of one whose table was shown before.
FREQUENT = 9  # Entries that come due every 2 to 8 s.
BEAT_WAITS_S = 0.3  # Without a line, nothing is on its way.
QUIET_FROM_S, QUIET_UNTIL_S = 4, 50  # Of a minute: where stop and start take no run from it.


class Unexpected(Exception):
    """A step did not end as it should."""


class Shop:
    """All the programs, and the questions to them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.redis = stack.enter_context(RedisServer(folder, durable=False))
        self.server = stack.enter_context(SchedulerServer(folder))
        self.worker = self._celery("worker", "-c", "2", "-Q", "celery,money")
        self.beat = self._celery("beat")
        self.adapter = CeleryAdapter(folder, [self.server.address], self.redis.url)
        for program in (self.worker, self.beat, self.adapter):
            stack.callback(program.stop)
        self.worker.launch()
        wait_for("the worker", lambda: " ready." in self.worker.log(), 60)

    def _celery(self, verb: str, *args: str) -> Program:
        command = [str(VENV_BIN / "celery"), "-A", APP, verb, "-l", "INFO", *args]
        return Program(verb, command, self.folder, **self._environment())

    def _environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(PROJECT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SHOP_BROKER": self.redis.url,
            "Z4J_SCHEDULER_SERVER": self.server.address,
            "VIRTUAL_ENV": str(VENV_BIN.parent),
            "PATH": os.pathsep.join([str(VENV_BIN), os.environ["PATH"]]),
        }

    def run(self, line: str, code: int, most: int = LINES_MAX) -> str:
        """Shows a command of ours and its output, `most` lines of it, and returns all.

        Raises:
            Unexpected: It did not end with the exit code `code`.
        """
        print(f"\n$ z4j-scheduler {line}", flush=True)
        done = subprocess.run(
            [str(self.server.binary), *line.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, **self._environment()},
            timeout=180,
        )
        lines = done.stdout.splitlines()
        if len(lines) > most:
            half = most // 2
            lines[half:-half] = [f"… {len(lines) - 2 * half} more lines …"]
        print("\n".join(lines) + f"\nexit code {done.returncode}", flush=True)
        if done.returncode != code:
            raise Unexpected(f"the command above ended with {done.returncode} instead of {code}")
        return done.stdout

    def start(self, program: Program) -> None:
        """Starts a program of the engine's side, and shows how."""
        words = [Path(program.command[0]).name, *program.command[1:]]
        print("\n$ " + " ".join(words) + " &", flush=True)
        program.launch()

    def await_beat(self, runs: int) -> None:
        """Waits until beat has sent so many more."""
        before = len(SENT.findall(self.beat.log()))
        wait_for("beat", lambda: len(SENT.findall(self.beat.log())) > before + runs, 60)

    def stop_beat(self, why: str = "") -> float:
        """Ends beat while it waits: it logs a task before it sends it, and may end in between.

        Returns:
            When it was told to end.
        """
        wait_for(
            "beat to wait",
            lambda: time.time() - self.beat.log_path.stat().st_mtime > BEAT_WAITS_S,
            60,
        )
        print(f"\n$ kill {self.beat.pid}   # celery beat{why}", flush=True)
        told = time.time()
        self.beat.stop()
        return told

    def sides(self) -> dict[str, Entry]:
        """What beat and we sent and the worker ran until now."""
        sent = self.beat.log()
        fires = self.server.cli("fire", "list", "--limit", "100000")
        ledger = self.redis.client().lrange("ledger", 0, -1)
        return balance(sent, fires, read_ledger(ledger, self._names()))

    def settle(self) -> dict[str, Entry]:
        """Waits until the worker has run all that was sent, while nobody sends.

        Raises:
            Unexpected: It did not, or something ran twice.
        """
        try:
            wait_for("the worker", lambda: not faults(self.sides()), 15)
        except TimeoutError:
            raise Unexpected("; ".join(faults(self.sides()))) from None
        return self.sides()

    def _names(self) -> dict[tuple[str, str], str]:
        """Task and arguments → the entry's name."""
        listed = self.server.cli("schedule", "list", "--limit", "1000")
        return {
            (x["task"], json.dumps(json.loads(x.get("argsJson") or "[]"))): x["name"].split("/")[-1]
            for x in listed
        }


def title(number: int, text: str) -> None:
    """Begins a step."""
    print(f"\n=== {number}. {text}", flush=True)


def await_quiet_part_of_minute() -> None:
    """So that no crontab comes due between the end of one sender and the start of the next."""
    wait_for(
        "the quiet part of a minute",
        lambda: QUIET_FROM_S <= time.time() % 60 <= QUIET_UNTIL_S,
        60,
    )


def beat_runs(shop: Shop) -> None:
    """Step 1."""
    title(1, "celery beat sends, a Celery worker runs")
    shop.start(shop.beat)
    shop.await_beat(3 * FREQUENT)
    lines = [line for line in shop.beat.log().splitlines() if "Sending due task" in line]
    print("\n".join(lines[-8:]))
    shop.stop_beat(": not every dbm tells its runs before")


def plan(shop: Shop) -> None:
    """Step 2."""
    title(2, "the plan: what each entry becomes, each compared over its next 1000 due times")
    said = shop.run(f"{IMPORT} --prove 1000", 1)
    for name, code in REFUSED.items():
        if f"{name}  {code}:" not in said:
            raise Unexpected(f"{name} should be refused with {code}")
    if "36 identical, 2 different" not in said:
        raise Unexpected("a due time differs from Celery's own, beside those of the sun")


def shadow(shop: Shop) -> None:
    """Steps 3 and 4."""
    title(3, "all of it is created in shadow: due times are recorded, nothing is sent")
    shop.run(f"{IMPORT} --prove 0 --apply --shadow", 1, FEW_LINES)
    title(4, "what beat really sends, beside what ours record, for 30 s")
    shop.start(shop.beat)
    shop.await_beat(FREQUENT)
    shop.run(f"import shadow --from celery --celery-app {APP} --for 30s", 0)


def cut(shop: Shop) -> dict[str, Entry]:
    """Step 5; what was sent and run before."""
    title(5, "the cut: beat is stopped, and ours fire")
    shop.start(shop.adapter)
    wait_for("the adapter", lambda: shop.server.cli("adapter", "list"), 60)
    await_quiet_part_of_minute()
    stopped = shop.stop_beat()
    before = shop.settle()
    print("\nbefore the cut, since the start:\n" + table(before, {}), flush=True)
    shop.run("import cutover --from celery", 0, FEW_LINES)
    cut_at = time.time()

    def fired() -> bool:
        now = shop.sides()
        return all(now[name].ours for name in EVERY_MINUTE)

    wait_for("the next whole minute", fired, 90)
    between = skipped_between(shop.sides(), stopped, cut_at)
    print(f"\ndue while neither ran, recorded as skipped: {', '.join(between) or 'nothing'}")
    return before


def back(shop: Shop, before: dict[str, Entry]) -> dict[str, Entry]:
    """Step 6; what was sent and run in all."""
    title(6, "the way back: ours are in shadow again, and beat takes over")
    await_quiet_part_of_minute()
    shop.run("import rollback --from celery", 0, FEW_LINES)
    ours = shop.settle()
    print("\nfrom the cut to the rollback:\n" + table(ours, before), flush=True)
    print("\n$ rm celerybeat-schedule   # or beat runs at once whatever came due since its stop")
    for file in shop.folder.glob("celerybeat-schedule*"):  # dbm may give it a suffix.
        file.unlink()
    shop.start(shop.beat)
    shop.await_beat(3 * FREQUENT)
    shop.stop_beat()
    in_all = shop.settle()
    print("\nfrom the rollback until beat is stopped:\n" + table(in_all, ours), flush=True)
    return in_all


def summary(in_all: dict[str, Entry], seconds: float) -> None:
    """The last lines."""
    by_beat = sum(entry.by_beat for entry in in_all.values())
    ours = sum(len(entry.ours) for entry in in_all.values())
    ran = sum(len(entry.runs) for entry in in_all.values())
    print("\n=== Summary")
    print(f"beat sent {by_beat}, ours sent {ours}, the worker ran {ran}: each once, none lost")
    print("each minute had one run of " + " and ".join(EVERY_MINUTE) + ", across both cuts")
    print(f"refused, and to be done by hand: {', '.join(REFUSED)}")
    print(f"took {seconds:.0f} s")


def main() -> int:
    """Runs the demo."""
    begin = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="z4j-demo-"))
    try:
        with ExitStack() as stack:
            print("starting Redis, the scheduler (SQLite) and a Celery worker …", flush=True)
            shop = Shop(folder, stack)
            beat_runs(shop)
            plan(shop)
            shadow(shop)
            before = cut(shop)
            summary(back(shop, before), time.monotonic() - begin)
            return 0
    except (Unexpected, TimeoutError, CliError) as error:
        print(f"\ndemo: not as it should be: {error}", flush=True)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print("stopped everything that was started.")


if __name__ == "__main__":
    sys.exit(main())
