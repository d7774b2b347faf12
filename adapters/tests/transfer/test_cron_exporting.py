"""Exports to cron: a crontab that runs when the schedules do."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from transfer import cron_daemon
from transfer.clocks import ZONES, draw_start, shown
from transfer.exports import AT, NINE, Batch, Export, cron, exporting, schedules_like
from transfer.instants import COUNT, Evaluator, lines_of
from z4j_adapters.transfer.cron.exporter import CronExporter
from z4j_adapters.transfer.cron.importer import CronImporter
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.values import micros
from z4j_adapters.transfer.zones import zone_of

DAYS = timedelta(days=4)
RUN = "run {task} {args} {kwargs} {queue}"
GIVEN = {"command": RUN, "task": None, "user_column": None, "cron_flavour": "debian"}
SHELL = {"task": "shell.run", "command": "run {task}"}
schedule = schedules_like(engine="rq", task="t", timeZone="Europe/Berlin")
exported = exporting(CronExporter, schedule, file="table", timezone="Europe/Berlin", **GIVEN)


def lines(result: Export) -> list[str]:
    return [one for one in result.path.read_text().splitlines() if not one.startswith("#")]


def test_debians_cron_runs_each_line_when_the_schedule_fires_and_once(
    drawn: Any, ours: Evaluator
) -> None:
    batches: list[Batch] = []

    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample(ZONES, 3))
        options = {**GIVEN, "timezone": zones[0]}
        batches.append(Batch("celery", draw_start(draw, zones[0]), zones, options=options))
        return batches[-1]

    def runs_when_due(result: Export) -> None:
        at, zone = batches[-1].at, batches[-1].zones[0]
        for name, line in result.exported.items():
            job = cron_daemon.job_of(line["becomes"])
            ran = cron_daemon.run_each(job, zone_of(zone), at, at + DAYS)
            here = ours.next([result.given[name]], at, len(ran) + 1)
            here = [us for us in here if us <= micros(at + DAYS)]
            theirs = [micros(one) for one in ran]
            assert here == theirs, (result.given[name], line["becomes"], shown(theirs[:9], zone))

    tally = drawn("cron", CronExporter, batch, file="table", also=runs_when_due)
    assert tally["exported: cron, without an oracle"] > COUNT / 6


def test_a_command_is_made_of_the_call_and_quoted(exported: Any) -> None:
    call = {"argsJson": '["it\'s 5%"]', "kwargsJson": '{"x": 1}', "queue": "low"}
    result = exported(cron("*/5 9-17 * * MON-FRI"), **call)
    quoted = """run t '["it'"'"'s 5\\%"]' '{"x": 1}' low"""
    assert lines(result) == [f"*/5 9-17 * * 1-5 {quoted}"]


def test_a_template_that_leaves_out_part_of_a_call_is_not_used_for_it(exported: Any) -> None:
    given = {"plain": schedule(NINE), "more": schedule(NINE, argsJson="[1]")}
    result = exported(schedules=given, options={"command": "run {task}"})
    assert result.exported.keys() == {"plain"}
    assert result.refused["more"]["remedy"] == "write {args} into the template"
    assert len(exported(schedules=given, options={"command": "run-by-id {id}"}).exported) == 2


TABLE = """\
MAILTO=ops@example.org
PATH="/usr/bin:/bin"
*/10 * * * * backup --to /srv/%Y
15 2 1,15 * 5 printf '\\%s' "$HOME" \\\\ > /tmp/x%first line%100\\% of it
30 3 */2 * 1 true
"""


@pytest.mark.parametrize("flavour", ["debian", "cronie"])
def test_a_crontab_that_was_imported_comes_out_again(
    exported: Any, tmp_path: Path, flavour: Any
) -> None:
    table = tmp_path / "before"
    table.write_text(TABLE if flavour == "debian" else TABLE.replace("\\\\", "x"))

    def imported(path: Path) -> list[dict[str, Any]]:
        found = lines_of(
            CronImporter,
            at=AT,
            crontab=[str(path)],
            task="shell.run",
            engine="rq",
            timezone="Europe/Berlin",
            user_column=False,
            cron_flavour=flavour,
        )
        return [line["schedule"] for line in found]

    before = imported(table)
    options = {"task": "shell.run", "command": None, "cron_flavour": flavour}
    given = {f"s{n}": one for n, one in enumerate(before)}
    result = exported(schedules=given, options=options)
    assert not result.refused
    assert imported(result.path) == before


def test_a_table_for_cron_d_names_users(exported: Any) -> None:
    call = {"task": "shell.run", "kwargsJson": json.dumps({"command": "x", "user": "alice"})}
    given = {"a": schedule(NINE, **call), "b": schedule(cron("0 10 * * *"))}
    result = exported(schedules=given, options={**SHELL, "user_column": "ops"})
    assert lines(result) == ["0 9 * * * alice x", "0 10 * * * ops run t"]
    result = exported(schedules=given, options=SHELL)
    assert "--user-column" in result.refused["a"]["remedy"]


def test_lines_below_settings_of_others_are_refused(exported: Any) -> None:
    def with_env(**env: str) -> dict[str, Any]:
        call = json.dumps({"command": "x", "env": env})
        return schedule(NINE, task="shell.run", kwargsJson=call)

    given = {"a": with_env(A="1"), "b": with_env(A="2"), "c": schedule(cron("0 8 * * *"))}
    result = exported(schedules=given, options=SHELL)
    assert lines(result) == ["0 8 * * * run t", "A=1", "0 9 * * * x"]
    assert "other settings" in result.refused["b"]["reason"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (schedule(cron("0 9 13 * FRI", dayMatch="DAY_MATCH_AND")), "both its day"),
        (schedule(cron("0 9 * * 5#2")), "no L, W and #"),
        (schedule(cron("30 0 9 * * *")), "no seconds"),
        (schedule(NINE, timeZone="Asia/Tokyo"), "the host's clock"),
        (schedule(cron("0,30 2 * * *")), "each of them"),
        (schedule(cron("30 2 * * *"), gap="GAP_POLICY_SKIP"), "2026-03-29 02:30 in Europe/Berlin"),
        (schedule(cron("* * * * *"), fold="FOLD_POLICY_FIRST"),
         "2026-03-29 02:00 in Europe/Berlin"),
        (schedule(NINE, expires="60s"), "--drop expires"),
        (schedule(NINE, state="STATE_PAUSED"), "state is STATE_PAUSED"),
        (schedule(NINE, task="a\nb"), "does not take the line"),
        (schedule(NINE, argsJson=json.dumps(["x" * 1000])), "command too long"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(exported: Any, given: dict[str, Any], says: str) -> None:
    line = exported(schedules={"s": given}).refused["s"]
    assert says in line["reason"] + line["remedy"]


def test_a_wildcard_job_follows_the_clock_and_a_fixed_one_does_not(exported: Any) -> None:
    policies = {"gap": "GAP_POLICY_SKIP", "fold": "FOLD_POLICY_BOTH"}
    given = {
        "wild": schedule(cron("*/30 * * * *"), **policies),
        "fixed": schedule(cron("0 0-23/6 * * *")),
        "once": schedule(cron("5 2 * * *")),
    }
    result = exported(schedules=given)
    assert [line.partition(" run")[0] for line in lines(result)] == [
        "*/30 * * * *",
        "0 */6 * * *",
        "5 2 * * *",
    ]


def test_the_zone_of_the_host_must_be_named(exported: Any) -> None:
    with pytest.raises(SourceError, match="zone of its host"):
        exported(options={"timezone": None})


@pytest.mark.skipif(not shutil.which("crontab"), reason="there is no crontab here")
def test_crontab_itself_takes_the_table(exported: Any) -> None:
    result = exported(cron("*/5 9-17 * * MON-FRI"))
    subprocess.run(["crontab", "-n", result.path], check=True)  # Debian 12: looks, and leaves it.
