"""Imports that follow one another: changes of both sides, interruptions, cutover and rollback."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.harness.import_command import Import
from tests.harness.import_source import daily
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import stub_adapter


def test_a_second_run_has_nothing_to_do(imports: Import) -> None:
    said = imports.json("--apply")
    assert said["totals"]["written"] == 2
    stored = imports.stored()
    assert set(stored) == {"mail", "night"}
    assert stored["mail"]["source"]["importId"] == said["importId"]
    assert stored["mail"]["source"]["key"] == "mail"
    assert stored["mail"]["state"] == "STATE_ENABLED"
    assert imports.plan("--apply") == {"mail": "unchanged", "night": "unchanged"}
    assert {k: v["etag"] for k, v in imports.stored().items()} == {
        k: v["etag"] for k, v in stored.items()
    }


def test_what_changed_in_the_source_is_updated(imports: Import) -> None:
    imports.run("--apply")
    imports.source.entries[0] = daily("mail", "06:00")
    assert imports.plan() == {"mail": "update", "night": "unchanged"}
    assert imports.json("--apply")["totals"]["written"] == 1
    assert imports.stored()["mail"]["spec"]["cron"]["hour"] == "6"
    assert imports.plan() == {"mail": "unchanged", "night": "unchanged"}


def test_a_change_that_the_scheduler_refuses_is_named_and_stops_no_other(
    imports: Import, tmp_path: Path
) -> None:
    imports.run("--apply")
    # Only an adapter that is there can tell that its engine has no priorities.
    imports.source.entries = [daily("mail", "06:00", priority=5), daily("night", "07:00")]
    with stub_adapter(tmp_path, imports.server):
        wait_for("the adapter", lambda: imports.server.cli("status").get("adapters"))
        said = imports.json("--apply", code=8)
    assert (said["totals"]["written"], said["totals"]["failed"]) == (1, 1)
    mail, night = said["schedules"]
    assert (mail["id"], mail["written"], night["written"]) == ("mail", False, True)
    assert "priority" in mail["error"]
    hours = {name: stored["spec"]["cron"]["hour"] for name, stored in imports.stored().items()}
    assert hours == {"mail": "5", "night": "7"}
    assert imports.plan() == {"mail": "update", "night": "unchanged"}


def test_what_was_edited_here_is_kept_until_it_is_overwritten(imports: Import) -> None:
    imports.run("--apply")
    imports.server.cli("schedule", "update", "mail", "--queue", "slow", "-p", imports.project)
    imports.source.entries[0] = daily("mail", "06:00")
    assert imports.plan("--apply", code=1)["mail"] == "conflict"
    assert imports.stored()["mail"]["queue"] == "slow"
    assert imports.plan("--apply", "--overwrite")["mail"] == "update"
    mail = imports.stored()["mail"]
    assert (mail.get("queue", ""), mail["spec"]["cron"]["hour"]) == ("", "6")


def test_prune_removes_what_this_source_no_longer_has_and_nothing_else(imports: Import) -> None:
    imports.run("--apply")
    here = ("-e", "stub", "-t", "t", "--interval", "1h", "-p", imports.project)
    imports.server.cli("schedule", "create", "made-here", *here)
    del imports.source.entries[0]
    assert imports.plan("--apply")["mail"] == "gone"
    assert set(imports.stored()) == {"mail", "night", "made-here"}
    imports.run("--apply", "--prune")
    assert set(imports.stored()) == {"night", "made-here"}


def test_an_empty_source_prunes_nothing(imports: Import) -> None:
    imports.run("--apply")
    imports.source.entries = []
    done = imports.run("--apply", "--prune")
    assert done.returncode == 6
    assert "has no schedule at all" in done.stderr
    assert set(imports.stored()) == {"mail", "night"}


def test_all_can_be_created_paused_with_a_label(imports: Import) -> None:
    imports.run("--apply", "--paused", "--label", "from=stand-in")
    for schedule in imports.stored().values():
        assert schedule["state"] == "STATE_PAUSED"
        assert schedule["labels"] == {"from": "stand-in"}
    assert set(imports.plan("--paused", "--label", "from=stand-in").values()) == {"unchanged"}


def test_an_import_that_was_killed_is_finished_by_the_same_command(imports: Import) -> None:
    imports.source.entries = [daily(f"job-{i}", "05:00", task=f"t{i}") for i in range(5000)]
    imports.source.write()
    words = imports.command("--apply", "--prove", "0")
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=imports.environment())

    def begun() -> bool:
        listed = imports.server.cli("schedule", "list", "--limit", "1", "-p", imports.project)
        return bool(listed) or process.poll() is not None

    wait_for("the first schedules", begun)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(imports.stored())
    said = imports.json("--apply", "--prove", "0")
    after = imports.stored()
    assert len(after) == 5000
    assert said["totals"]["failed"] == 0
    assert len({x["uid"] for x in after.values()}) == 5000
    print(f"{before} were there after kill -9")


def test_a_cutover_lets_fire_what_was_in_shadow_and_a_rollback_takes_it_back(
    imports: Import,
) -> None:
    imports.source.entries.append(
        daily("off", "05:00", state="STATE_PAUSED", pause={"reason": "disabled there"})
    )
    imports.run("--apply", "--shadow", "--label", "wave=1")
    project = ("-p", imports.project)

    def states() -> dict[str, str]:
        return {name: x["state"] for name, x in imports.stored().items()}

    shadow = {"mail": "STATE_SHADOW", "night": "STATE_SHADOW", "off": "STATE_PAUSED"}
    assert states() == shadow
    imports.server.cli("import", "cutover", "--dry-run", *project)
    assert states() == shadow
    imports.server.cli("import", "cutover", "--from", "other", *project)
    imports.server.cli("import", "cutover", "--label", "wave=2", *project)
    assert states() == shadow
    imports.server.cli("import", "cutover", "--from", "stand-in", "--only", "m*", *project)
    assert states() == {**shadow, "mail": "STATE_ENABLED"}
    imports.server.cli("import", "cutover", *project)
    assert states() == {"mail": "STATE_ENABLED", "night": "STATE_ENABLED", "off": "STATE_PAUSED"}
    assert set(imports.plan("--label", "wave=1").values()) == {"unchanged"}
    back = imports.run("rollback", reader=())
    assert "those that ours made, and they run twice" in back.stderr
    assert states() == shadow
    assert imports.stored()["mail"]["labels"] == {"wave": "1"}
    imports.server.cli("import", "rollback", *project)
    assert states() == shadow


def test_a_cutover_resumes_what_an_import_paused_and_nothing_else(imports: Import) -> None:
    imports.run("--apply", "--paused")
    project = ("-p", imports.project)
    imports.server.cli("schedule", "pause", "night", "--reason", "disk is full", *project)
    imports.server.cli("import", "cutover", *project)
    stored = imports.stored()
    assert stored["mail"]["state"] == "STATE_ENABLED"
    assert stored["night"]["pause"]["reason"] == "disk is full"
    imports.server.cli("import", "rollback", *project)
    assert imports.stored()["mail"]["state"] == "STATE_PAUSED"
