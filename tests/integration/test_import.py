"""`z4j-scheduler import` against a running node: the plan, the proof, and what may go wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.harness.import_command import Import
from tests.harness.import_source import daily


def test_a_plan_writes_nothing_and_proves_every_fire(imports: Import) -> None:
    said = imports.json("--prove", "50")
    assert [x["plan"] for x in said["schedules"]] == ["create", "create"]
    assert said["totals"]["identical"] == 2
    for schedule in said["schedules"]:
        assert schedule["exactness"] == "exact"
        assert schedule["next"]["ours"] == schedule["next"]["source"]
        assert len(schedule["next"]["ours"]) == 3
    assert imports.stored() == {}


def test_the_proof_reaches_the_next_changes_of_the_clock(imports: Import) -> None:
    said = imports.json("--prove", "3")
    assert [x["proof"]["compared"] for x in said["schedules"]] == [9, 9]
    begins = [call[call.index("--at") + 1] for call in imports.source.calls()]
    assert len(begins) == 3
    assert all("T23:55:00Z" in begin for begin in begins[1:])


def test_a_gap_that_is_taken_otherwise_is_named_with_both_instants(imports: Import) -> None:
    imports.source.entries[1]["schedule"]["gap"] = "GAP_POLICY_NEXT_VALID"
    said = imports.json("--prove", "3", code=1)
    mail, night = said["schedules"]
    assert mail["proof"]["identical"]
    difference = night["proof"]["difference"]
    assert "a gap: clocks go forward" in difference["rule"]
    assert "03:30:00 +02:00 (01:30:00 UTC)" in difference["source"]["local"]
    assert "03:00:00 +02:00 (01:00:00 UTC)" in difference["ours"]["local"]
    text = imports.run("--prove", "3").stdout
    assert "differs: there 20" in text
    assert "gap NEXT_VALID here" in text


def test_a_zone_with_other_rules_there_is_named_and_another_release_alone_is_not(
    imports: Import,
) -> None:
    imports.source.more["tzdata"] = "2019a"
    assert [x["code"] for x in imports.json("--prove", "0")["warnings"]] == ["TZDATA"]
    at, spring, autumn = 1_798_761_600, 1_806_195_600, 1_824_944_400
    berlin = [[at * 1_000_000, 3600], [spring * 1_000_000, 7200], [autumn * 1_000_000, 3600]]
    rules = {"offsets": berlin, "untilUs": 1_830_000_000_000_000}
    imports.source.more["zones"] = {"Europe/Berlin": rules}
    assert imports.json("--prove", "0")["warnings"] == []
    rules["offsets"] = berlin[:2]  # As if the summer stayed.
    (warning,) = imports.json("--prove", "0")["warnings"]
    assert warning["code"] == "ZONE_RULES"
    assert "Europe/Berlin: from 2027-10-31 02:00:00 +01:00" in warning["message"]


def test_hundreds_in_one_second_are_told_of_the_plan_as_a_whole(imports: Import) -> None:
    imports.source.entries = [daily(f"s{n}", "05:00") for n in range(100)]
    (warning,) = imports.json("--prove", "0")["warnings"]
    assert warning["code"] == "SAME_SECOND"
    assert "100 schedules (s0, s1, s2, …) come due in one second" in warning["message"]


def test_json_and_yaml_say_the_same(imports: Import) -> None:
    as_yaml = imports.run("-o", "yaml", "--prove", "0")
    said = imports.json("--prove", "0")
    told = yaml.safe_load(as_yaml.stdout)
    for answer in (said, told):  # They were asked for one after the other.
        for schedule in answer["schedules"]:
            del schedule["next"]
    assert told == said


def test_every_write_is_audited_under_the_import(imports: Import) -> None:
    import_id = imports.json("--apply", "--import-id", "move-to-z4j")["importId"]
    assert import_id == "move-to-z4j"
    entries = imports.server.cli("audit", "list", "--limit", "100000")
    of_import = [x for x in entries if f"projects/{imports.project}/" in x["resource"]]
    assert len(of_import) == 2
    assert all(x["requestId"].startswith("import-move-to-z4j-") for x in of_import)


def test_what_is_refused_says_why_and_what_to_do_and_stops_no_other(imports: Import) -> None:
    imports.source.refused = [
        {
            "object": "by-lambda",
            "code": "R1_OPAQUE",
            "reason": "its schedule is code",
            "remedy": "write it as a crontab",
        }
    ]
    imports.source.entries.append(daily("bad", "05:00", zone="Europe/Berlin", task=""))
    imports.source.entries[2]["daily"] = None
    done = imports.run("--apply")
    assert done.returncode == 1
    assert "by-lambda  R1_OPAQUE: its schedule is code\n    write it as a crontab" in done.stdout
    assert "bad  NOT_VALID: task" in done.stdout
    assert set(imports.stored()) == {"mail", "night"}


def test_an_engine_that_would_refuse_it_is_told_in_the_plan(imports: Import) -> None:
    imports.source.entries[0]["schedule"]["labels"] = {"not a key": "x"}
    said = imports.json(code=1)
    assert said["refused"][0]["object"] == "mail"
    assert "labels" in said["refused"][0]["reason"]


def test_a_pattern_leaves_the_others_alone(imports: Import) -> None:
    imports.run("--apply", "--only", "m*")
    assert set(imports.stored()) == {"mail"}


def test_what_has_run_out_there_is_shown_and_not_created(imports: Import) -> None:
    imports.source.entries[0]["finished"] = True
    assert imports.plan("--apply") == {"mail": "finished", "night": "create"}
    assert set(imports.stored()) == {"night"}


def test_saved_lines_are_read_without_the_source(imports: Import, tmp_path: Path) -> None:
    imports.source.write()
    words = [sys.executable, "-m", "z4j_adapters", "import", "--from", "stand-in", "--fires", "5"]
    lines = subprocess.run(
        words, capture_output=True, text=True, env=imports.environment(), check=True
    ).stdout
    saved = tmp_path / "lines"
    saved.write_text(lines)
    done = imports.run("--apply", "-o", "json", reader=("--file", str(saved)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["identical"] == 2
    saved.write_text("".join(lines.splitlines(keepends=True)[:-1]))
    cut = imports.run("--apply", reader=("--file", str(saved)))
    assert cut.returncode == 2
    assert "ends without an end line" in cut.stderr


def test_the_sources_own_flags_go_to_its_reader(imports: Import) -> None:
    imports.run("--app", "proj.celery:app", "--timezone", "Europe/Berlin", "--prove", "0")
    assert imports.source.calls()[-1] == [
        *("import", "--from", "stand-in", "--app", "proj.celery:app"),
        *("--timezone", "Europe/Berlin"),
    ]
    assert "--app APP" in imports.run("--source-help").stdout


@pytest.mark.parametrize(
    ("args", "reader", "message"),
    [
        ((), (), "--from: is required"),
        (("--python", "/no/such/python"), ("--from", "x"), "cannot run '/no/such/python'"),
        ((), ("--file", "/no/such/file"), "cannot open '/no/such/file'"),
        (("--apply", "--dry-run"), ("--from", "x"), "--dry-run: contradicts --apply"),
        (("--prove", "10001"), ("--from", "x"), "10000"),
        (("--label", "x"), ("--from", "x"), "--label"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    imports: Import, args: tuple[str, ...], reader: tuple[str, ...], message: str
) -> None:
    done = imports.run(*args, reader=reader)
    assert (done.returncode, message in done.stderr + done.stdout) == (2, True), done.stderr


def test_a_missing_package_is_one_sentence_with_the_remedy(imports: Import) -> None:
    imports.source.more["error"] = {
        "code": "MISSING_PACKAGE",
        "message": "celery is not installed for python",
        "remedy": "pip install celery",
    }
    done = imports.run()
    assert done.returncode == 2
    assert done.stderr == "error: celery is not installed for python: pip install celery\n"


def test_a_python_without_our_package_is_told_how_to_get_it(
    imports: Import, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    done = imports.run("--python", str(python))
    assert done.returncode == 2
    assert f"{python} -m pip install z4j-adapters" in done.stderr


def test_a_reader_that_dies_writes_nothing(imports: Import) -> None:
    imports.source.more["dies_after"] = 1
    done = imports.run("--apply")
    assert done.returncode == 7
    assert "ended amid its work (exit code 9)" in done.stderr
    assert "out of memory" in done.stderr
    assert imports.stored() == {}


def test_without_a_scheduler_it_says_how_to_start_one(imports: Import) -> None:
    done = imports.run(server="127.0.0.1:1")
    assert done.returncode == 7
    assert "no scheduler answers at 127.0.0.1:1" in done.stderr
