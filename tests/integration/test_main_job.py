"""The main job: a schedule fires a real Celery task, one record per due time."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest

from tests.harness.processes import wait_for
from tests.harness.scheduler_server import CliError
from tests.integration.conftest import Installation


def parse(text: str) -> datetime:
    """A proto JSON timestamp."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_an_interval_fires_once_per_due_time_and_the_worker_runs_each_once(
    installation: Installation,
) -> None:
    installation.create("ping", "--interval", "1s", "--args", '["ünïcode", {"nested": [1, 2]}]')
    fires = installation.wait_for_fires("ping", 5)
    done = [fire for fire in fires if fire["state"] == "STATE_SUCCEEDED"]
    assert len(done) >= 5, fires
    dues = [parse(fire["dueTime"]) for fire in fires]
    assert len(set(dues)) == len(dues)
    assert all(b - a == timedelta(seconds=1) for a, b in itertools.pairwise(dues)), dues
    starts = installation.starts()
    for fire in done:
        assert starts[fire["uid"]] == 1, "the fire id is the task id, and it ran once"
    assert installation.scheduler.cli("audit", "verify")["valid"] is True


def test_a_one_shot_with_microseconds_fires_exactly_once(installation: Installation) -> None:
    at = (datetime.now(timezone.utc) + timedelta(seconds=1)).replace(microsecond=123457)
    installation.create("once", "--at", at.isoformat())
    fires = installation.wait_for_fires("once", 1)
    assert [parse(fire["dueTime"]) for fire in fires] == [at]

    def finished() -> bool:
        schedule = installation.scheduler.cli("schedule", "get", "once")
        return bool(schedule["state"] == "STATE_FINISHED")

    wait_for("the schedule to be finished", finished)
    assert len(installation.scheduler.fires("once")) == 1


def test_a_task_that_raises_and_one_that_no_worker_knows_end_failed(
    installation: Installation,
) -> None:
    installation.create("boom", "--at", "now", "--task", "rec.boom")
    installation.create("nobody", "--at", "now", "--task", "rec.unknown")
    (boom,) = installation.wait_for_fires("boom", 1)
    assert boom["state"] == "STATE_FAILED"
    assert "the boiler exploded" in boom["error"]
    (nobody,) = installation.wait_for_fires("nobody", 1)
    assert nobody["state"] == "STATE_FAILED"
    assert "rec.unknown" in nobody["error"]


def test_a_trigger_fires_now_with_its_own_arguments_and_once_per_request_id(
    installation: Installation,
) -> None:
    installation.create("yearly", "--cron", "0 0 1 1 *", "-z", "UTC")
    trigger = ["schedule", "trigger", "yearly", "--args", '["other"]', "--request-id", "r-1"]
    first = installation.scheduler.cli(*trigger)
    again = installation.scheduler.cli(*trigger)
    assert first["name"] == again["name"]
    (fire,) = installation.wait_for_fires("yearly", 1)
    assert (fire["kind"], fire["state"]) == ("KIND_MANUAL", "STATE_SUCCEEDED")
    assert installation.effects() == {fire["uid"]}


def test_pause_stops_fires_and_resume_counts_what_was_skipped(installation: Installation) -> None:
    installation.create("ping", "--interval", "1s")
    installation.wait_for_fires("ping", 2)
    installation.scheduler.cli("schedule", "pause", "ping", "--reason", "maintenance")
    paused = installation.scheduler.cli("schedule", "get", "ping")
    assert paused["pause"]["reason"] == "maintenance"
    since = parse(paused["pause"]["sinceTime"])
    wait_for(
        "three due times to pass",
        lambda: datetime.now(timezone.utc) > since + timedelta(seconds=3.2),
    )
    installation.scheduler.cli("schedule", "resume", "ping")
    fires = installation.scheduler.fires("ping")
    skipped = [fire for fire in fires if fire.get("reason") == "REASON_PAUSED"]
    assert len(skipped) == 1 and int(skipped[0]["count"]) >= 3
    late = [f for f in fires if f["state"] != "STATE_SKIPPED" and parse(f["dueTime"]) > since]
    resumed = parse(skipped[0]["dueTime"])
    assert all(parse(fire["dueTime"]) > resumed for fire in late), fires


def test_in_shadow_due_times_are_recorded_and_after_it_each_runs_and_none_is_lost(
    installation: Installation,
) -> None:
    installation.create("ping", "--interval", "1s")
    shadow = installation.scheduler.cli("schedule", "shadow", "ping")
    assert shadow["state"] == "STATE_SHADOW"

    def split() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        fires = installation.scheduler.fires("ping")
        recorded = [fire for fire in fires if fire.get("reason") == "REASON_SHADOW"]
        first = min((parse(fire["firstDueTime"]) for fire in recorded), default=None)
        ours = [f for f in fires if f not in recorded and first and parse(f["dueTime"]) > first]
        return recorded, ours

    wait_for("three due times to be recorded", lambda: len(split()[0]) >= 3)
    assert split()[1] == []
    resumed = installation.scheduler.cli("schedule", "resume", "ping")
    taken_over = parse(resumed["updateTime"])
    wait_for("three to be handed over", lambda: len(split()[1]) >= 3)
    recorded, ours = split()
    assert all(fire["state"] == "STATE_SKIPPED" for fire in recorded)
    assert all(parse(fire["dueTime"]) <= taken_over for fire in recorded)
    assert all(parse(fire["dueTime"]) > taken_over for fire in ours)
    # A second apart, across the change as well.
    dues = sorted(parse(fire["dueTime"]) for fire in recorded + ours)
    assert len(dues) == len(set(dues))
    counted = sum(int(fire["count"]) for fire in recorded + ours)
    assert dues[-1] - dues[0] == timedelta(seconds=counted - 1), dues
    wait_for("a run to end", lambda: any(f["state"] == "STATE_SUCCEEDED" for f in split()[1]))


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (["--cron", "0 3 * * *", "-z", "Mars/Phobos"], "time_zone"),
        (["--cron", "0 0 31 2 *", "-z", "UTC"], "cron"),
        (["--interval", "500ms"], "period"),
        (["--interval", "4000d"], "period"),
        (["--solar", "sunset", "--latitude", "91", "--longitude", "0"], "latitude"),
        (["--interval", "5s", "--args", "not json"], "args_json"),
        (["--interval", "5s", "--args", '["' + "x" * 70_000 + '"]'], "args_json"),
        (["--interval", "5s", "--option", "no_such_option=1"], "no_such_option"),
    ],
)
def test_bad_input_names_the_field_and_writes_nothing(
    installation: Installation, args: list[str], field: str
) -> None:
    before = installation.scheduler.cli("audit", "list", "--limit", "1000")
    with pytest.raises(CliError) as refused:
        installation.create("bad", *args)
    assert refused.value.code == 2
    assert field in refused.value.stderr
    assert installation.scheduler.cli("schedule", "list") == []
    assert installation.scheduler.cli("audit", "list", "--limit", "1000") == before


def test_a_second_schedule_of_the_same_name_and_a_stale_etag_are_refused(
    installation: Installation,
) -> None:
    etag = installation.create("ping", "--cron", "0 3 * * *", "-z", "UTC")["etag"]
    with pytest.raises(CliError) as duplicate:
        installation.create("ping", "--interval", "5s")
    assert duplicate.value.code == 5
    installation.scheduler.cli("schedule", "update", "ping", "--priority", "5")
    with pytest.raises(CliError) as stale:
        installation.scheduler.cli("schedule", "update", "ping", "--priority", "9", "--etag", etag)
    assert stale.value.code == 5
    assert installation.scheduler.cli("schedule", "get", "ping")["priority"] == 5
