"""What sightings make of fires, and when a worker counts as gone."""

from __future__ import annotations

import pytest
from z4j_adapters import OutcomeState, Result, ResultCode
from z4j_adapters.engines.celery.observe import WorkerNote
from z4j_adapters.engines.celery.workers import Workers
from z4j_adapters.engines.common.tracker import Sighting, Tracker
from z4j_adapters.testing import make_fire

RUNNING, DONE, LOST = OutcomeState.RUNNING, OutcomeState.SUCCEEDED, OutcomeState.LOST


def accepted(tracker: Tracker, count: int = 1) -> list[str]:
    """Ids of fires that the broker has."""
    fires = [make_fire("t") for _ in range(count)]
    tracker.begin(fires)
    tracker.settle([Result(f.id, f.ref, ResultCode.ACCEPTED) for f in fires])
    return [fire.id for fire in fires]


def test_each_state_is_reported_once_and_nothing_after_the_end() -> None:
    tracker = Tracker()
    (fire_id,) = accepted(tracker)
    seen = [tracker.see(Sighting(fire_id, s, 1.0)) for s in (RUNNING, RUNNING, DONE, DONE, RUNNING)]
    assert [o.state if o else None for o in seen] == [RUNNING, None, DONE, None, None]


def test_an_end_that_is_asked_for_is_told_again_and_a_start_is_not() -> None:
    tracker = Tracker()
    (fire_id,) = accepted(tracker)
    told = [tracker.tell(Sighting(fire_id, s, 1.0)) for s in (RUNNING, RUNNING, DONE, DONE)]
    assert [o.state if o else None for o in told] == [RUNNING, None, DONE, DONE]
    assert tracker.tell(Sighting("someone-elses", DONE, 1.0)) is None


def test_strangers_are_not_reported() -> None:
    assert Tracker().see(Sighting("someone-elses", DONE, 1.0)) is None


def test_what_a_quick_worker_does_waits_for_the_brokers_answer() -> None:
    tracker, fire = Tracker(), make_fire("t")
    tracker.begin([fire])
    assert tracker.see(Sighting(fire.id, RUNNING, 1.0)) is None
    assert tracker.see(Sighting(fire.id, DONE, 2.0)) is None
    outcomes = tracker.settle([Result(fire.id, fire.ref, ResultCode.ACCEPTED)])
    assert [o.state for o in outcomes] == [RUNNING, DONE]
    assert outcomes[0].fire_ref == fire.ref


def test_an_unknown_hand_over_still_counts_and_a_rejected_one_does_not() -> None:
    tracker, unknown, rejected = Tracker(), make_fire("t"), make_fire("t")
    tracker.begin([unknown, rejected])
    tracker.settle([
        Result(unknown.id, unknown.ref, ResultCode.UNAVAILABLE),
        Result(rejected.id, rejected.ref, ResultCode.REJECTED),
    ])  # fmt: skip
    assert tracker.see(Sighting(unknown.id, DONE, 1.0)) is not None
    assert not tracker.knows(rejected.id)


def test_only_the_runs_of_a_lost_worker_are_lost() -> None:
    tracker = Tracker()
    here, ended, there = accepted(tracker, 3)
    tracker.see(Sighting(here, RUNNING, 1.0, worker="w1"))
    tracker.see(Sighting(ended, RUNNING, 1.0, worker="w1"))
    tracker.see(Sighting(ended, DONE, 2.0, worker="w1"))
    tracker.see(Sighting(there, RUNNING, 1.0, worker="w2"))
    outcomes = tracker.lost_with("w1", "gone", 3.0)
    assert [(o.fire_id, o.state, o.error) for o in outcomes] == [(here, LOST, "gone")]
    assert tracker.lost_with("w1", "gone", 4.0) == []


def test_a_run_retried_elsewhere_belongs_to_the_new_worker() -> None:
    tracker = Tracker()
    (fire_id,) = accepted(tracker)
    tracker.see(Sighting(fire_id, RUNNING, 1.0, worker="w1"))
    tracker.see(Sighting(fire_id, RUNNING, 2.0, worker="w2"))
    assert tracker.lost_with("w1", "gone", 3.0) == []
    assert len(tracker.lost_with("w2", "gone", 3.0)) == 1


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    tracker = Tracker(bound=10)
    ids = accepted(tracker, 25)
    assert [fire_id for fire_id in ids if tracker.knows(fire_id)] == ids[-10:]


def test_unfinished_leaves_out_what_ended() -> None:
    tracker = Tracker()
    first, second = accepted(tracker, 2)
    tracker.see(Sighting(first, DONE, 1.0))
    assert list(tracker.unfinished()) == [second]


def beaten(workers: Workers, *times: float) -> None:
    """A worker comes and beats."""
    workers.note(WorkerNote("w", "online"), times[0])
    for time in times:
        workers.note(WorkerNote("w", "heartbeat"), time)


def test_a_silent_worker_is_gone_after_the_stated_time() -> None:
    workers = Workers(lost_after_s=60)
    beaten(workers, 0, 2, 4)
    assert workers.gone(63, watching_since=0) == []
    assert workers.gone(65, watching_since=0)[0][0] == "w"
    assert workers.gone(200, watching_since=0) == []


@pytest.mark.parametrize("watching_since", [None, 50.0])
def test_silence_counts_only_while_we_could_hear(watching_since: float | None) -> None:
    workers = Workers(lost_after_s=60)
    beaten(workers, 0, 2, 4)
    assert workers.gone(100, watching_since) == []


def test_a_worker_without_heartbeats_is_never_silent() -> None:
    workers = Workers(lost_after_s=60)
    workers.note(WorkerNote("w", "online"), 0)
    assert workers.gone(10_000, watching_since=0) == []


def test_a_farewell_counts_after_a_grace_unless_the_worker_is_back() -> None:
    workers = Workers(lost_after_s=60)
    beaten(workers, 0, 2)
    workers.note(WorkerNote("w", "offline"), 3)
    assert workers.gone(4, 0) == []
    assert [name for name, _ in workers.gone(6, 0)] == ["w"]
    workers.note(WorkerNote("w", "offline"), 10)
    workers.note(WorkerNote("w", "online"), 11)
    assert workers.gone(20, 0) == []


def test_a_restarted_worker_is_asked_again() -> None:
    workers = Workers(lost_after_s=60)
    workers.note(WorkerNote("w", "online"), 0)
    assert workers.should_ask(0)
    workers.answered(["w"], 1)
    assert not workers.should_ask(2)
    workers.note(WorkerNote("w", "online"), 3)
    assert workers.should_ask(3)
    assert workers.mute(20) == ["w"]
