"""Control requests: queues, workers and purges, and that none of them holds anything up."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Start
from fake_scheduler import FakeScheduler, id_bytes, pb
from z4j_adapters import QueueState, WorkerState, _controls
from z4j_adapters.engines.stub import StubEngine, StubOptions
from z4j_adapters.testing import make_fire


class SlowEngine(StubEngine):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def list_queues(self) -> list[QueueState]:
        await self.let.wait()
        return await super().list_queues()

    async def list_workers(self) -> list[WorkerState]:
        raise KeyError("not what was expected")


def list_queues(number: int) -> pb.ControlRequest:
    """Asks for them."""
    return pb.ControlRequest(id=number, list_queues=pb.ListQueues())


async def test_queues_workers_and_a_purge_are_answered(
    scheduler: FakeScheduler, start: Start
) -> None:
    start(scheduler, engine=StubEngine(StubOptions(run_s=3600, workers=1)))
    await scheduler.until("hello", lambda: scheduler.hellos)
    said = scheduler.hellos[0].capabilities
    assert said.list_queues and said.list_workers and said.purge
    fires = [make_fire("t", [n], queue="mail") for n in range(4)]
    scheduler.dispatch(fires)
    await scheduler.until("results", lambda: len(scheduler.results) == 4)
    scheduler.send(control=list_queues(1))
    scheduler.send(control=pb.ControlRequest(id=2, list_workers=pb.ListWorkers()))
    await scheduler.until("replies", lambda: len(scheduler.replies) == 2)
    for number, queue in ((3, "mail"), (4, "post")):
        purge = pb.PurgeQueue(queue=queue)
        scheduler.send(control=pb.ControlRequest(id=number, purge_queue=purge))
    await scheduler.until("replies", lambda: len(scheduler.replies) == 4)
    replies = {reply.id: reply for reply in scheduler.replies}
    mail, stub = replies[1].queues
    assert (mail.name, mail.depth, mail.in_progress, mail.workers) == ("mail", 3, 1, 1)
    assert (stub.name, stub.depth) == ("stub", 0)
    (worker,) = replies[2].workers
    assert (worker.running, worker.concurrency, list(worker.queues)) == (1, 1, ["mail", "stub"])
    assert worker.HasField("heartbeat_time")
    assert (replies[3].purged, replies[3].error) == (3, "")
    assert "no queue 'post'; there are: mail, stub" in replies[4].error
    await scheduler.until("ends", lambda: len(scheduler.outcomes) == 4)
    assert [(o.fire_id, o.state) for o in scheduler.outcomes[1:]] == [
        (id_bytes(fire), pb.Outcome.STATE_CANCELLED) for fire in fires[1:]
    ]


async def test_what_is_not_known_is_absent_from_a_reply(
    scheduler: FakeScheduler, start: Start
) -> None:
    class Terse(StubEngine):
        async def list_queues(self) -> list[QueueState]:
            return [QueueState("q", 0)]

        async def list_workers(self) -> list[WorkerState]:
            return [WorkerState("w")]

    start(scheduler, engine=Terse())
    await scheduler.until("hello", lambda: scheduler.hellos)
    scheduler.send(control=list_queues(1))
    await scheduler.until("a reply", lambda: scheduler.replies)
    scheduler.send(control=pb.ControlRequest(id=2, list_workers=pb.ListWorkers()))
    await scheduler.until("a reply", lambda: len(scheduler.replies) == 2)
    queue, worker = scheduler.replies[0].queues[0], scheduler.replies[1].workers[0]
    assert not queue.HasField("in_progress") and not queue.HasField("workers")
    assert not any(worker.HasField(f) for f in ("running", "concurrency", "heartbeat_time"))


async def test_a_slow_answer_delays_neither_fires_nor_another_answer(
    scheduler: FakeScheduler, start: Start
) -> None:
    engine = SlowEngine()
    start(scheduler, engine=engine)
    await scheduler.until("hello", lambda: scheduler.hellos)
    scheduler.send(control=list_queues(1))
    scheduler.send(control=pb.ControlRequest(id=2, list_tasks=pb.ListTasks()))
    await scheduler.until("the other answer", lambda: scheduler.replies)
    assert scheduler.replies[0].id == 2
    scheduler.dispatch([make_fire("t")])
    await scheduler.until("the fire", lambda: len(scheduler.results) == 1)
    engine.let.set()
    await scheduler.until("the answer", lambda: len(scheduler.replies) == 2)
    assert (scheduler.replies[1].id, scheduler.replies[1].error) == (1, "")


async def test_an_engine_that_does_not_answer_or_stumbles_is_answered_for(
    scheduler: FakeScheduler, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_controls, "ANSWER_WITHIN_S", 0.05)
    start(scheduler, engine=SlowEngine())
    await scheduler.until("hello", lambda: scheduler.hellos)
    scheduler.send(control=list_queues(1))
    await scheduler.until("an answer", lambda: scheduler.replies)
    assert "stub did not answer within" in scheduler.replies[0].error
    scheduler.send(control=pb.ControlRequest(id=2, list_workers=pb.ListWorkers()))
    await scheduler.until("an answer", lambda: len(scheduler.replies) == 2)
    assert "a bug in the adapter, see its log: KeyError" in scheduler.replies[1].error
    assert len(scheduler.hellos) == 1  # The stream lives.


async def test_more_requests_at_once_than_the_bound_are_refused(
    scheduler: FakeScheduler, start: Start
) -> None:
    engine = SlowEngine()
    start(scheduler, engine=engine)
    await scheduler.until("hello", lambda: scheduler.hellos)
    for number in range(_controls.CONTROLS_AT_ONCE_MAX + 1):
        scheduler.send(control=list_queues(number))
    await scheduler.until("the refusal", lambda: scheduler.replies)
    assert scheduler.replies[0].id == _controls.CONTROLS_AT_ONCE_MAX
    assert "ask again later" in scheduler.replies[0].error
    engine.let.set()
    bound = _controls.CONTROLS_AT_ONCE_MAX
    await scheduler.until("answers", lambda: len(scheduler.replies) == bound + 1)
    assert [reply.error for reply in scheduler.replies[1:]] == [""] * bound
