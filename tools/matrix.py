"""The table of engine, version, broker and feature in docs/engines.md, made of what tests report.

With no argument runs the tests that fill it, in every environment, and writes the table.  --check
compares the table with the reports of the tests that ran last; the exit code is 1 if they differ.
"""

from __future__ import annotations

import difflib
import os
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from run_tests import ROOT, Count, adapter_tests, build_dir

PAGE = ROOT / "docs" / "engines.md"
BEGIN, END = "<!-- made by ./dev matrix: begin -->", "<!-- made by ./dev matrix: end -->"
ENGINES = {
    "celery": "Celery",
    "rq": "RQ",
    "dramatiq": "Dramatiq",
    "huey": "Huey",
    "arq": "arq",
    "taskiq": "TaskIQ",
}
HEAD = (
    "| engine | version | broker | contract | enters its queue | looked up | cancel | stop "
    "| priority | expiry | queues | workers | purge | broker restarted | worker killed |"
)


@dataclass
class Row:
    """What tests found of one engine, version and broker."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    says: set[str] = field(default_factory=set)

    def works(self, feature: str) -> str:
        """One cell: whether tests showed it, or the adapter says it."""
        if feature in self.failed:
            return "FAILS"
        if feature in self.passed:
            return "yes"
        return "said" if feature in self.says else "no"

    def tested(self, what: str) -> str:
        """One cell: of what no adapter speaks."""
        return self.works(what).replace("no", "-")

    def delivery(self) -> str:
        """One cell: how often a fire enters its queue."""
        if "contract" not in self.passed:
            return "-"
        return "once" if "once" in self.passed else "at least once"

    def cells(self) -> list[str]:
        """All but engine, version and broker."""
        return [
            self.tested("contract"),
            self.delivery(),
            *map(self.works, ("look-up", "cancel", "stop", "priority", "expiry")),
            *map(self.works, ("queues", "workers", "purge")),
            *map(self.tested, ("broker restarted", "worker killed")),
        ]


def read(reports: list[Path]) -> dict[tuple[str, str, str], Row]:
    """Rows by engine, broker and version, of pytest's reports."""
    rows: dict[tuple[str, str, str], Row] = defaultdict(Row)
    for report in reports:
        for case in ET.parse(report).getroot().iter("testcase"):
            noted = {p.get("name"): str(p.get("value")) for p in case.iter("property")}
            if "shows" not in noted or case.find("skipped") is not None:
                continue
            row = rows[noted["engine"], noted["broker"], noted["version"]]
            bad = case.find("failure") is not None or case.find("error") is not None
            (row.failed if bad else row.passed).update(noted["shows"].split(", "))
            row.says.update(noted["says"].split(", ") if noted.get("says") else ())
    return rows


def table(rows: dict[tuple[str, str, str], Row]) -> str:
    """The table, newest version first."""

    def place(key: tuple[str, str, str]) -> tuple[int, str, list[int]]:
        engine, broker, version = key
        return list(ENGINES).index(engine), broker, [-int(part) for part in version.split(".")]

    lines = [HEAD, "|---" * (HEAD.count("|") - 1) + "|"]
    for engine, broker, version in sorted(rows, key=place):
        cells = [ENGINES[engine], version, broker, *rows[engine, broker, version].cells()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Makes or checks it."""
    check = sys.argv[1:] == ["--check"]
    build = build_dir()
    reports, total = [], Count()
    for run in adapter_tests(build):
        if not check:
            run.report.parent.mkdir(parents=True, exist_ok=True)
            total += run("-m", "shows")
        if not run.report.exists():
            print(f"matrix: no report of {run.environment}: run ./dev matrix", file=sys.stderr)
            return 1
        reports.append(run.report)
    if total.failed:
        print(f"matrix: not written, {total.failed} of its tests failed", file=sys.stderr)
        return 1
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    now, after = rest.split(END)
    made = f"\n{table(read(reports))}\n"
    if check and made != now:
        sys.stdout.writelines(
            difflib.unified_diff(
                now.splitlines(True), made.splitlines(True), "docs/engines.md", "the tests"
            )
        )
        print("matrix: docs/engines.md is not what the tests show: run ./dev matrix")
        return 1
    if not check:
        PAGE.write_text(before + BEGIN + made + END + after)
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
