"""The main job: a schedule fires a real Celery task, one record per due time."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

from tests.harness.processes import wait_for
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
