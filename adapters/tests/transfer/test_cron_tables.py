"""Crontabs as cron reads them: their traps, by name."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transfer.clocks import NOW
from transfer.instants import lines_of
from z4j_adapters.transfer import command
from z4j_adapters.transfer.cron.importer import CronImporter
from z4j_adapters.transfer.model import SourceError


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Import a table; options as on the command line."""

    def read(text: str | bytes, *, name: str = "table", **given: Any) -> list[dict[str, Any]]:
        table = tmp_path / name
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
        options = {
            "crontab": [str(table)],
            "task": "shell.run",
            "engine": "celery",
            "timezone": "Europe/Rome",
            "user_column": False,
            "cron_flavour": "debian",
        }
        return lines_of(CronImporter, **{"at": NOW, **options, **given})

    return read


def cron_of(line: dict[str, Any]) -> dict[str, Any]:
    assert line["type"] == "schedule", line
    return line["schedule"]["spec"]["cron"]  # type: ignore[no-any-return]


def call_of(line: dict[str, Any]) -> Any:
    return json.loads(line["schedule"]["kwargsJson"])


def codes(line: dict[str, Any]) -> list[str]:
    return [note["code"] for note in line["reasons"] + line["warnings"]]


def test_a_line_becomes_a_call_of_the_task_with_its_command(read: Any) -> None:
    (line,) = read("MAILTO=ops@example.org\nPATH = '/bin: /usr/bin'\n0 5 * * mon-fri  backup -a\n")
    assert call_of(line) == {
        "command": "backup -a",
        "env": {"MAILTO": "ops@example.org", "PATH": "/bin: /usr/bin"},
    }
    assert (line["schedule"]["engine"], line["schedule"]["task"]) == ("celery", "shell.run")
    assert line["schedule"]["timeZone"] == "Europe/Rome"
    assert line["schedule"]["catchUp"] == "CATCH_UP_SKIP"
    assert (line["becomes"], line["exactness"]) == ("cron 0 5 * * 1-5", "EXACT")
    assert "fires" not in line


def test_settings_hold_for_the_lines_below_them_only(read: Any) -> None:
    first, second = read("* * * * * a\nA=1\n* * * * * b\n")
    assert call_of(first) == {"command": "a"}
    assert call_of(second) == {"command": "b", "env": {"A": "1"}}


@pytest.mark.parametrize(
    ("fields", "gap", "fold"),
    [
        ("30 2 * * *", "NEXT_VALID", "FIRST"),
        ("30 */2 * * *", "SKIP", "BOTH"),
        ("*/5 2 * * *", "SKIP", "BOTH"),
        ("0,*/30 2,*/3 * * *", "NEXT_VALID", "FIRST"),
        ("@hourly", "SKIP", "BOTH"),
        ("@daily", "NEXT_VALID", "FIRST"),
    ],
)
def test_trap_31_the_leading_star_of_minute_and_hour_decides_at_a_change_of_the_clock(
    read: Any, fields: str, gap: str, fold: str
) -> None:
    (line,) = read(f"{fields} x\n")
    schedule = line["schedule"]
    assert (schedule["gap"], schedule["fold"]) == (f"GAP_POLICY_{gap}", f"FOLD_POLICY_{fold}")


@pytest.mark.parametrize(
    ("fields", "zone", "told"),
    [
        ("0,30 2 * * *", "Europe/Rome", ["R10_DUPLICATES"]),
        ("0 2,3 * * *", "Europe/Rome", ["R10_DUPLICATES"]),
        ("0 2,4 * * *", "Europe/Rome", []),
        ("0,30 */2 * * *", "Europe/Rome", []),
        ("0,30 2 * * *", "Asia/Kolkata", []),
    ],
)
def test_times_that_a_change_of_the_clock_brings_together_are_told(
    read: Any, fields: str, zone: str, told: list[str]
) -> None:
    assert codes(read(f"{fields} x\n", timezone=zone)[0]) == told


@pytest.mark.parametrize(
    ("days", "becomes"),
    [
        ("13 * 5", "13 * 5 (OR of the days)"),
        ("*/2 * 1", "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * 1 (AND of the days)"),
        ("*,5 * 1", "* * 1"),
        ("1-31 * 1", "* * *"),
        ("5-3 * 1", "* * 1"),
        ("1,*/2 * 0-5", "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * 0-5 (OR of the days)"),
    ],
)
def test_either_day_suffices_unless_a_day_field_begins_with_a_star(
    read: Any, days: str, becomes: str
) -> None:
    (line,) = read(f"0 0 {days} x\n")
    assert line["becomes"] == f"cron 0 0 {becomes}"


@pytest.mark.parametrize(
    "fields", ["0 22-2 * * *", "0 0 * * 5-0", "0 0 * * fri-sun", "0 0 * 12-1 *"]
)
def test_trap_33_a_range_that_runs_backwards_never_fires_and_is_refused(
    read: Any, fields: str
) -> None:
    (line,) = read(f"{fields} x\n")
    assert (line["type"], line["code"]) == ("refused", "R6_NEVER_FIRES")
    assert "backwards" in line["reason"]


def test_cronie_refuses_a_backward_range_but_takes_a_0_at_its_end_for_sunday(read: Any) -> None:
    good, bad = read("0 0 * * 5-0 x\n0 22-2 * * * y\n", cron_flavour="cronie")
    assert cron_of(good)["dayOfWeek"] == "0,5,6"
    assert bad["code"] == "BAD_LINE"


@pytest.mark.parametrize(
    ("fields", "becomes"),
    [("0 0 * * 5#2", "0 0 * * 5"), ("5~20 * * * *", "5 * * * *"), ("0 *5 * * *", "0 * * * *")],
)
def test_trap_34_and_35_what_debians_cron_passes_over_is_passed_over_and_told(
    read: Any, fields: str, becomes: str
) -> None:
    (line,) = read(f"{fields} x\n")
    assert line["becomes"] == f"cron {becomes}"
    assert codes(line) == ["JUNK_IGNORED"]
    refused = read(f"{fields} x\n", cron_flavour="cronie")[0]
    assert refused["code"] == ("R3_RANDOM" if "~" in fields else "BAD_LINE")


def test_the_31st_of_february_is_refused(read: Any) -> None:
    (line,) = read("0 0 30,31 2 * x\n")
    assert line["code"] == "R6_NEVER_FIRES"
    assert read("0 0 30,31 2 1 x\n")[0]["type"] == "schedule"  # Or any Monday.


def test_trap_32_cronie_follows_cron_tz_and_debians_cron_does_not(read: Any) -> None:
    text = "CRON_TZ=America/New_York\n0 9 * * * x\n"
    (debian,) = read(text)
    assert debian["schedule"]["timeZone"] == "Europe/Rome"
    assert codes(debian) == ["CRON_TZ_IGNORED"]
    (cronie,) = read(text, cron_flavour="cronie")
    assert cronie["schedule"]["timeZone"] == "America/New_York"
    assert (cronie["schedule"]["gap"], cronie["exactness"]) == ("GAP_POLICY_SKIP", "APPROXIMATE")
    assert codes(cronie) == ["R10_HOLE"]
    (steady,) = read(text, cron_flavour="cronie", timezone="UTC")
    assert steady["exactness"] == "EXACT"


def test_a_table_without_a_zone_is_refused_until_one_is_named(read: Any) -> None:
    (line,) = read("0 9 * * * x\n", timezone=None)
    assert (line["code"], "--timezone" in line["remedy"]) == ("R4_ZONE", True)


def test_cronies_random_delay_becomes_jitter_and_is_no_longer_exact(read: Any) -> None:
    (line,) = read("RANDOM_DELAY=15\n0 9 * * * x\n", cron_flavour="cronie")
    assert (line["exactness"], codes(line)) == ("APPROXIMATE", ["R3_RANDOM"])
    assert line["schedule"]["jitter"] == "900s"


@pytest.mark.parametrize(
    ("text", "command_line", "stdin"),
    [
        ("date +\\%F > x", "date +%F > x", None),
        ("date +%F > x", "date +", "F > x\n"),
        ("mail bob%one%two\\%%", "mail bob", "one\ntwo%\n"),
        ("cat%", "cat", ""),
        (r"echo a\\b\n", r"echo a\b\n", None),
    ],
)
def test_trap_56_a_percent_sign_begins_the_standard_input(
    read: Any, text: str, command_line: str, stdin: str | None
) -> None:
    call = call_of(read(f"* * * * * {text}\n")[0])
    assert (call["command"], call.get("stdin")) == (command_line, stdin)


def test_trap_57_the_file_decides_whether_there_is_a_column_for_the_user(
    read: Any, tmp_path: Path
) -> None:
    text = "0 5 * * *\troot  backup -a\n"
    system = read(text, name="cron.d/backup")[0]
    assert call_of(system) == {"command": "backup -a", "user": "root"}
    assert call_of(read(text, user_column=True)[0])["user"] == "root"
    assert call_of(read(text)[0]) == {"command": "root  backup -a"}
    own = read("0 5 * * * backup\n", name="var/spool/cron/crontabs/alice")[0]
    assert call_of(own)["user"] == "alice"
    (tmp_path / "cron.d" / "backup.dpkg-old").write_text("0 6 * * * root old\n")
    folder = read("", name="x", crontab=[str(tmp_path / "cron.d")])
    assert [call_of(line)["command"] for line in folder] == ["backup -a"]


def test_trap_58_a_start_of_the_host_is_refused_and_macros_are_lower_case(read: Any) -> None:
    (line,) = read("@reboot x\n")
    assert line["code"] == "R7_STARTUP"
    (line,) = read("@Daily x\n")
    assert line["code"] == "BAD_LINE"
    assert [read(f"@{name} x\n")[0]["becomes"] for name in ("yearly", "weekly", "midnight")] == [
        "cron 0 0 1 1 *",
        "cron 0 0 * * 0",
        "cron 0 0 * * *",
    ]


@pytest.mark.parametrize(
    "text",
    ["5/3 * * * * x", "60 * * * * x", "*/0 * * * * x", "* * * *", "* * * * * * x", "0 0 L * * x"],
)
def test_one_bad_line_makes_debians_cron_ignore_the_file_and_the_rest_comes_paused(
    read: Any, text: str
) -> None:
    good, bad = read(f"0 5 * * * good\n{text}\n")
    assert bad["code"] == "BAD_LINE"
    assert good["schedule"]["state"] == "STATE_PAUSED"
    assert "line 2" in good["schedule"]["pause"]["reason"]
    assert codes(good) == ["FILE_IGNORED"]
    if not text.startswith("0 0 L"):
        good, bad = read(f"0 5 * * * good\n{text}\n", cron_flavour="cronie")
        assert (bad["code"], "state" in good["schedule"]) == ("BAD_LINE", False)


def test_a_last_line_without_newline_is_none(read: Any) -> None:
    good, bad = read("0 5 * * * good\n0 6 * * * cut")
    assert (bad["code"], good["schedule"]["state"]) == ("BAD_LINE", "STATE_PAUSED")


def test_debians_cron_ignores_a_file_of_more_than_ten_thousand_lines(read: Any) -> None:
    (line,) = read("#\n" * 10_000 + "0 5 * * * a\n")
    assert (line["schedule"]["state"], codes(line)) == ("STATE_PAUSED", ["FILE_IGNORED"])


def test_a_command_that_is_no_utf_8_is_refused_alone(read: Any) -> None:
    bad, good = read(b"0 5 * * * echo \xff\n0 6 * * * echo ok\n")
    assert (bad["code"], good["type"]) == ("R2_ARGUMENTS", "schedule")


def test_ids_stay_when_lines_are_added_above(read: Any) -> None:
    before = {line["id"] for line in read("0 5 * * * a\n0 6 * * * b\n0 7 * * * b\n")}
    after = {line["id"] for line in read("0 1 * * * new\n0 5 * * * a\n0 6 * * * b\n1 7 * * * b\n")}
    assert len(before) == 3
    assert before < after


def test_standard_input_is_a_table_too(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"0 5 * * * a\n")))
    assert call_of(read("", crontab=["-"])[0]) == {"command": "a"}


def test_the_table_is_left_as_it_was(read: Any, tmp_path: Path) -> None:
    text = "# mine\n0 5 * * * a\nbad\n"
    read(text)
    assert (tmp_path / "table").read_text() == text


@pytest.mark.parametrize("missing", ["crontab", "task", "engine"])
def test_what_must_be_given_is_named(read: Any, missing: str) -> None:
    with pytest.raises(SourceError, match=f"--{missing}"):
        read("", **{missing: None})


def test_a_table_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = "--from cron --crontab /no/such/table --task t --engine e --timezone UTC"
    assert command.main(arguments.split()) == 2
    (line,) = map(json.loads, capfd.readouterr().out.splitlines())
    assert (line["type"], line["code"]) == ("error", "CANNOT_READ")
    assert "/no/such/table" in line["message"]


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--from", "cron", "--help"]) == 0
    said = capsys.readouterr().out
    assert "crontab -l | z4j-adapter import --from cron --crontab -" in said
    assert "--cron-flavour" in said
