"""The runtime against a scheduler in this process."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from conftest import Start
from fake_scheduler import FakeScheduler, id_bytes, pb
from harness import Process, eventually
from ports import free_port
from z4j_adapters import Outcome, _convert
from z4j_adapters._outcomes import OutcomeBuffer
from z4j_adapters._session import Session
from z4j_adapters._tasks import end_tasks
from z4j_adapters._traffic import Traffic
from z4j_adapters.engines.stub import StubEngine, StubOptions
from z4j_adapters.testing import make_fire


async def test_says_who_it_is_and_beats(scheduler: FakeScheduler, start: Start) -> None:
    start(scheduler, engine=StubEngine(tasks=["a", "b"]), labels={"region": "eu"})
    await scheduler.until("heartbeats", lambda: len(scheduler.heartbeats) >= 3)
    hello = scheduler.hellos[0]
    assert (hello.engine, hello.instance, list(hello.tasks)) == ("stub", "test", ["a", "b"])
    assert hello.capabilities.delivery == pb.DELIVERY_GUARANTEE_EFFECTIVELY_ONCE
    assert hello.max_in_flight == 1000
    assert dict(hello.labels) == {"region": "eu"}
    assert not scheduler.heartbeats[-1].leaving
    assert scheduler.heartbeats[-1].health == ""


async def test_answers_every_fire_and_reports_its_outcomes(
    scheduler: FakeScheduler, start: Start
) -> None:
    start(scheduler)
    await scheduler.until("hello", lambda: scheduler.hellos)
    fires = [make_fire("t", [n % 3]) for n in range(500)]
    scheduler.dispatch(fires)
    scheduler.dispatch(fires[:10], templates=False)
    await scheduler.until("results", lambda: sum(len(r) for r in scheduler.results.values()) == 510)
    codes = Counter(r.code for results in scheduler.results.values() for r in results)
    assert codes == {pb.DispatchResult.CODE_ACCEPTED: 500, pb.DispatchResult.CODE_DUPLICATE: 10}
    assert scheduler.results[id_bytes(fires[0])][0].fire_ref == fires[0].ref
    await scheduler.until("outcomes", lambda: len(scheduler.outcomes) == 1000)
    assert scheduler.sequences == list(range(1, len(scheduler.sequences) + 1))
    newest = scheduler.outcomes[-1]
    assert newest.state == pb.Outcome.STATE_SUCCEEDED
    assert abs(newest.time.ToNanoseconds() / 1e9 - time.time()) < 60


async def test_asks_for_a_template_that_the_stream_never_carried(
    scheduler: FakeScheduler, start: Start
) -> None:
    start(scheduler)
    await scheduler.until("hello", lambda: scheduler.hellos)
    known, unknown = make_fire("t", ["known"]), make_fire("t", ["unknown"])
    scheduler.dispatch([known])
    scheduler.dispatch([unknown], templates=False)
    scheduler.dispatch([known], templates=False, reset=True)
    await scheduler.until("results", lambda: len(scheduler.results.get(id_bytes(known), ())) == 2)
    code = pb.DispatchResult.CODE_UNKNOWN_TEMPLATE
    assert scheduler.results[id_bytes(unknown)][0].code == code
    assert scheduler.results[id_bytes(known)][1].code == code


async def test_reconnects_and_sends_again_what_was_not_acknowledged(start: Start) -> None:
    node = FakeScheduler(acks=False)
    await node.start()
    start(node)
    await node.until("hello", lambda: node.hellos)
    fires = [make_fire("t", ["again", n]) for n in range(20)]
    node.dispatch(fires)
    await node.until("outcomes", lambda: len(node.outcomes) == 40)
    await node.until("results", lambda: len(node.results) == 20)
    before, node.outcomes, node.acks = list(node.outcomes), [], True
    node.sequences.clear()
    await node.stop()
    await node.start()
    began = time.monotonic()
    await node.until("reconnection", lambda: len(node.hellos) == 2)
    assert time.monotonic() - began < 2.0
    await node.until("outcomes again", lambda: len(node.outcomes) == 40)
    assert [o.SerializeToString() for o in node.outcomes] == [o.SerializeToString() for o in before]
    assert node.sequences[0] == 1
    node.dispatch(fires[:1])
    await node.until("the first fire's answer", lambda: len(node.results[id_bytes(fires[0])]) == 2)
    assert node.results[id_bytes(fires[0])][1].code == pb.DispatchResult.CODE_DUPLICATE
    await node.stop()


class EndsUnseen:
    """A call that is over after its Welcome, of which its reader has not been told yet."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self._welcome = [pb.ConnectResponse(welcome=pb.Welcome(node="n1"))]

    async def write(self, message: Any) -> None:
        if self.written:
            raise asyncio.InvalidStateError("RPC already finished.")  # As grpc.aio has it.
        self.written.append(message)

    async def read(self) -> Any:
        return self._welcome.pop() if self._welcome else await asyncio.Event().wait()

    async def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    async def details(self) -> str:
        return "Socket closed"

    def cancel(self) -> None:
        pass


async def test_a_stream_that_ends_while_it_is_written_to_is_opened_anew(
    start: Start, scheduler: FakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub, ended = _convert.AdapterServiceStub, EndsUnseen()
    calls = iter([ended])

    def connect(channel: Any) -> Any:
        real = stub(channel)
        return SimpleNamespace(Connect=lambda: next(calls, None) or real.Connect())

    monkeypatch.setattr(_convert, "AdapterServiceStub", connect)
    runtime = start(scheduler)
    await scheduler.until("hello", lambda: scheduler.hellos or runtime.task.done())
    assert ended.written and not runtime.task.done()
    assert len(scheduler.hellos) == 1


async def test_outcomes_follow_the_leader(start: Start) -> None:
    first, second = FakeScheduler(leader=True, acks=False), FakeScheduler(leader=False)
    await first.start()
    await second.start()
    start(first, second)
    await first.until("hello", lambda: first.hellos)
    await second.until("hello", lambda: second.hellos)
    fire = make_fire("t", ["follow"])
    first.dispatch([fire])
    await first.until("outcomes", lambda: len(first.outcomes) == 2)
    assert second.outcomes == []
    first.send(role=pb.Role(leader=False))
    second.send(role=pb.Role(leader=True))
    await second.until("the same outcomes", lambda: len(second.outcomes) == 2)
    assert [o.fire_id for o in second.outcomes] == [id_bytes(fire)] * 2
    await first.stop()
    await second.stop()


async def test_control_requests_are_answered(scheduler: FakeScheduler, start: Start) -> None:
    start(scheduler, engine=StubEngine(StubOptions(run_s=3600), tasks=["a", "t"]))
    await scheduler.until("hello", lambda: scheduler.hellos)
    fire, stranger = make_fire("t", ["cancel"]), make_fire("t", ["stranger"])
    scheduler.dispatch([fire])
    await scheduler.until("running", lambda: scheduler.outcomes)
    for number, target in ((7, fire), (8, stranger)):
        cancel = pb.CancelFire(fire_id=id_bytes(target))
        scheduler.send(control=pb.ControlRequest(id=number, cancel=cancel))
    scheduler.send(control=pb.ControlRequest(id=9, list_tasks=pb.ListTasks()))
    await scheduler.until("replies", lambda: len(scheduler.replies) == 3)
    replies = {reply.id: reply for reply in scheduler.replies}
    assert replies[7].error == "" and "unknown" in replies[8].error
    assert list(replies[9].tasks) == ["a", "t"]
    await scheduler.until("cancelled", lambda: len(scheduler.outcomes) == 2)
    assert scheduler.outcomes[1].state == pb.Outcome.STATE_CANCELLED


async def test_what_is_looked_up_goes_to_the_leader_as_outcomes_and_is_then_answered(
    scheduler: FakeScheduler, start: Start
) -> None:
    start(scheduler, engine=StubEngine(StubOptions(outcomes="stored")))
    await scheduler.until("hello", lambda: scheduler.hellos)
    assert scheduler.hellos[0].capabilities.lookup
    fires, stranger = [make_fire("t", ["stored", n]) for n in range(3)], make_fire("t")
    scheduler.dispatch(fires)
    await scheduler.until("results", lambda: len(scheduler.results) == 3)
    assert scheduler.outcomes == []
    request = pb.LookUpOutcomes()
    for fire in [*fires, stranger]:
        request.fires.add(fire_id=id_bytes(fire), fire_ref=fire.ref)
    scheduler.send(control=pb.ControlRequest(id=3, look_up=request))
    await scheduler.until("an answer", lambda: scheduler.replies)
    assert (scheduler.replies[0].id, scheduler.replies[0].error) == (3, "")
    await scheduler.until("outcomes", lambda: len(scheduler.outcomes) == 3)
    assert [(o.fire_id, o.fire_ref) for o in scheduler.outcomes] == [
        (id_bytes(fire), fire.ref) for fire in fires
    ]
    assert {o.state for o in scheduler.outcomes} == {pb.Outcome.STATE_SUCCEEDED}


async def test_an_engine_that_keeps_no_results_says_so(
    scheduler: FakeScheduler, start: Start
) -> None:
    start(scheduler, engine=StubEngine(StubOptions(outcomes="none")))
    await scheduler.until("hello", lambda: scheduler.hellos)
    assert not scheduler.hellos[0].capabilities.lookup
    scheduler.send(control=pb.ControlRequest(id=1, look_up=pb.LookUpOutcomes()))
    await scheduler.until("an answer", lambda: scheduler.replies)
    assert "keeps no results" in scheduler.replies[0].error


async def test_keeps_trying_while_no_scheduler_listens(start: Start) -> None:
    node, attempts = FakeScheduler(), 0

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.close()

    node.port = free_port()
    wall = await asyncio.start_server(refuse, "127.0.0.1", node.port)
    start(node)
    await eventually("three attempts", lambda: attempts >= 3)
    wall.close()
    await wall.wait_closed()
    await node.start()
    await node.until("hello", lambda: node.hellos, 3)
    await node.stop()


class Stubborn(StubEngine):
    """Its first cancellation is lost, as `asyncio.wait_for` and grpc.aio now and then lose one."""

    lost = 0

    async def observe(self) -> AsyncIterator[list[Outcome]]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.lost += 1
        await asyncio.Event().wait()
        yield []


async def test_leaves_although_a_cancellation_was_lost(
    scheduler: FakeScheduler, start: Start
) -> None:
    engine = Stubborn()
    runtime = start(scheduler, engine=engine)
    await scheduler.until("hello", lambda: scheduler.hellos)
    runtime.stop()
    await asyncio.wait_for(runtime.task, 60)  # type: ignore[attr-defined]
    assert engine.lost == 1


class Standing:
    """A stream to a node that reads no more: a write waits until the stream is cancelled."""

    def __init__(self) -> None:
        self.writing = asyncio.Event()

    async def write(self, _: Any) -> None:
        self.writing.set()
        await asyncio.Event().wait()

    def cancel(self) -> bool:
        return True


async def test_leaves_a_node_that_reads_no_more() -> None:
    call, engine = Standing(), StubEngine()
    session = Session(
        call,
        engine,
        OutcomeBuffer(),
        Traffic(10),
        instance="a",
        labels={},
        on_welcome=lambda _: None,
    )
    running = asyncio.create_task(session.run())
    await call.writing.wait()
    await asyncio.wait_for(session.leave(0.01), 60)
    await end_tasks([running])


async def test_leaving_delivers_what_is_at_hand(start: Start) -> None:
    node = FakeScheduler(acks=False)
    await node.start()
    runtime = start(node)
    await node.until("hello", lambda: node.hellos)
    fires = [make_fire("t", ["leaving", n]) for n in range(100)]
    node.dispatch(fires)
    await node.until("outcomes", lambda: len(node.outcomes) == 200)
    runtime.stop()
    await node.until("it says so", lambda: node.heartbeats[-1].leaving)
    assert node.heartbeats[-1].load == 1.0
    assert not runtime.task.done()  # It must not leave before the acknowledgement.
    late = make_fire("t", ["late"])
    node.dispatch([late])
    await node.until("an answer to the late one", lambda: id_bytes(late) in node.results)
    returned = node.results[id_bytes(late)][0]
    assert (returned.code, returned.untried) == (pb.DispatchResult.CODE_UNAVAILABLE, True)
    assert not node.results[id_bytes(fires[0])][0].untried
    node.send(outcomes_ack=pb.OutcomesAck(sequence=node.sequences[-1]))
    await asyncio.wait_for(runtime.task, 60)
    assert len(node.results) == 101
    await node.stop()


async def test_whoever_leaves_says_so_before_its_next_heartbeat_is_due(start: Start) -> None:
    node = FakeScheduler(acks=False, heartbeat_s=3600)
    await node.start()
    runtime = start(node)
    await node.until("the first heartbeat", lambda: node.heartbeats)
    node.dispatch([make_fire("t", ["at hand"])])
    await node.until("outcomes", lambda: node.outcomes)
    runtime.stop()
    await node.until("it says so", lambda: node.heartbeats[-1].leaving)
    node.send(outcomes_ack=pb.OutcomesAck(sequence=node.sequences[-1]))
    await asyncio.wait_for(runtime.task, 60)
    await node.stop()


async def test_sigterm_ends_the_process_with_nothing_lost(
    scheduler: FakeScheduler, tmp_path: Path
) -> None:
    src = Path(__file__).resolve().parent.parent / "src"
    command = [sys.executable, "-m", "z4j_adapters", "stub", "--scheduler", scheduler.address]
    process = Process(command, tmp_path, "adapter", PYTHONPATH=str(src))
    process.start()
    await scheduler.until("hello", lambda: scheduler.hellos)
    fires = [make_fire("t", ["sigterm", n]) for n in range(500)]
    scheduler.dispatch(fires)
    await scheduler.until("the first results", lambda: scheduler.results)
    process.child.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
    await eventually("exit", lambda: process.child.poll() is not None)  # type: ignore[union-attr]
    assert process.child.returncode == 0, process.log()  # type: ignore[union-attr]
    ended = {o.fire_id for o in scheduler.outcomes if o.state == pb.Outcome.STATE_SUCCEEDED}
    accepted = {
        fire_id
        for fire_id, results in scheduler.results.items()
        if results[0].code == pb.DispatchResult.CODE_ACCEPTED
    }
    assert len(scheduler.results) == 500
    assert ended == accepted
    assert scheduler.ended == 1
