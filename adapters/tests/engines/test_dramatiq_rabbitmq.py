"""Dramatiq on RabbitMQ keeps what of the contract a broker without dedupe can keep."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pika
import pytest
from conftest import RecordedTasks
from engines.dramatiq_servers import DramatiqWorker, opened
from harness import RABBIT_SERVER, RabbitServer, RedisServer, eventually
from z4j_adapters import (
    ControlFailed,
    Delivery,
    EngineAdapter,
    FireRef,
    OutcomeState,
    ResultCode,
)
from z4j_adapters.engines.dramatiq.app import DramatiqOptions
from z4j_adapters.engines.dramatiq.engine import new_engine
from z4j_adapters.testing import AdapterContract, Watcher, make_fire

pytestmark = [
    pytest.mark.engine("dramatiq", "RabbitMQ"),
    pytest.mark.skipif(
        [int(part) for part in version("dramatiq").split(".")] < [2, 2],
        reason="workers older than 2.2 leave no notes on RabbitMQ",
    ),
    pytest.mark.skipif(not RABBIT_SERVER.exists(), reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def rabbit(folder: Path) -> Iterator[RabbitServer]:
    """One for the module."""
    server = RabbitServer(folder)
    server.url = server.url.rstrip("/")  # To pika two slashes would be a vhost without a name.
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def worker(
    folder: Path, rabbit: RabbitServer, redis_server: RedisServer, tasks: RecordedTasks
) -> Iterator[DramatiqWorker]:
    """One for all tests; it has a result backend for those who ask."""
    worker = DramatiqWorker(
        folder, rabbit.url, tasks.path, results=redis_server.url, max_priority=10
    )
    worker.start()
    yield worker
    worker.kill()


@pytest.fixture
async def adapter(rabbit: RabbitServer, worker: DramatiqWorker) -> AsyncIterator[EngineAdapter]:
    """Started."""
    engine = new_engine(DramatiqOptions(broker=rabbit.url, max_priority=10))
    await engine.start()
    yield engine
    await engine.close()


def left_in(rabbit: RabbitServer, queue: str) -> int:
    """Messages that the queue has ready."""
    with pika.BlockingConnection(pika.URLParameters(rabbit.url)) as connection:
        declared = connection.channel().queue_declare(queue, passive=True)
        return int(declared.method.message_count)


class TestDramatiqOnRabbit(AdapterContract):
    """All that at-least-once can promise."""

    async def test_says_what_it_can_and_cannot(self, adapter: EngineAdapter) -> None:
        capabilities = adapter.capabilities()
        assert capabilities.delivery is Delivery.AT_LEAST_ONCE
        assert capabilities.outcomes and capabilities.priority
        assert not capabilities.cancel and not capabilities.terminate
        with pytest.raises(ControlFailed, match="no way to take one message out"):
            await adapter.cancel("x", terminate=False)

    async def test_remembers_for_a_while_what_was_accepted(
        self, adapter: EngineAdapter, tasks: RecordedTasks, watcher: Watcher
    ) -> None:
        fire = make_fire(tasks.echo, ["remembered"])
        codes = [(await adapter.dispatch([fire]))[0].code for _ in range(2)]
        assert codes == [ResultCode.ACCEPTED, ResultCode.DUPLICATE]
        await watcher.finals([fire])

    async def test_a_retry_stays_running_until_its_end(
        self, adapter: EngineAdapter, watcher: Watcher
    ) -> None:
        fire = make_fire("contract.second_try")
        await adapter.dispatch([fire])
        await watcher.finals([fire])
        states = [o.state for o in watcher.outcomes if o.fire_id == fire.id]
        assert states == [OutcomeState.RUNNING, OutcomeState.SUCCEEDED]

    async def test_looking_at_dead_letters_leaves_them_where_they_are(
        self, adapter: EngineAdapter, rabbit: RabbitServer, watcher: Watcher
    ) -> None:
        before = left_in(rabbit, "default.XQ")
        fires = [make_fire("contract.fail") for _ in range(3)]
        await adapter.dispatch(fires)
        await watcher.finals(fires)
        await eventually("letters", lambda: left_in(rabbit, "default.XQ") == before + 3)

    async def test_stored_results_bring_the_error_of_the_last_attempt(
        self, rabbit: RabbitServer, redis_server: RedisServer, worker: DramatiqWorker
    ) -> None:
        options = {"broker": rabbit.url, "max_priority": 10, "result_backend": redis_server.url}
        async with opened(**options) as (engine, watcher):
            fire = make_fire("contract.mail", queue="mail", engine_options={"store_results": True})
            await engine.dispatch([fire])
            end = (await watcher.finals([fire]))[fire.id]
            assert (end.state, end.error) == (OutcomeState.FAILED, "LookupError: no such address")

    @pytest.mark.shows("expiry")
    async def test_an_expired_fire_does_not_run_and_ends_expired(
        self, adapter: EngineAdapter, tasks: RecordedTasks, watcher: Watcher
    ) -> None:
        due_us = int((time.time() - 60) * 1e6)
        late = make_fire(tasks.echo, ["late"], due_us=due_us, expires_s=10.0)
        await adapter.dispatch([late])
        assert (await watcher.finals([late]))[late.id].state is OutcomeState.EXPIRED
        assert late.id not in [run[0] for run in tasks.read()]

    async def test_an_end_that_came_while_no_adapter_was_there_is_told_by_the_next(
        self, adapter: EngineAdapter, rabbit: RabbitServer, tasks: RecordedTasks
    ) -> None:
        fires = [make_fire(tasks.echo, ["alone"]), make_fire("contract.sleep", [0.5])]
        bad = make_fire("contract.fail")
        await adapter.dispatch([*fires, bad])
        await adapter.close()
        async with opened(broker=rabbit.url, max_priority=10) as (next_one, watcher):
            ends = await watcher.finals(fires)
            assert {end.state for end in ends.values()} == {OutcomeState.SUCCEEDED}
            assert {end.fire_ref for end in ends.values()} == {fire.ref for fire in fires}
            found = await next_one.lookup_outcomes([FireRef(bad.id, bad.ref)])
            ends = {o.fire_id: o for o in found} or await watcher.finals([bad])
            assert ends[bad.id].state is OutcomeState.FAILED


@pytest.mark.shows("priority")
async def test_messages_wait_in_order_of_their_priority(rabbit: RabbitServer) -> None:
    async with opened(broker=rabbit.url, max_priority=10) as (engine, _):
        fires = [
            make_fire("any", [n], priority=priority, queue="ranked")
            for n, priority in enumerate([-100, 0, 30, 100] * 2)
        ]
        await engine.dispatch(fires)
    with pika.BlockingConnection(pika.URLParameters(rabbit.url)) as connection:
        channel = connection.channel()
        got = [channel.basic_get("ranked", auto_ack=True) for _ in fires]
    bodies = [json.loads(body) for _, _, body in got]
    assert [body["args"][0] for body in bodies] == [3, 7, 2, 6, 0, 1, 4, 5]
    assert [properties.delivery_mode for _, properties, _ in got] == [2] * len(fires)
    assert bodies[0]["options"]["broker_priority"] == 10


async def test_a_queue_with_other_priorities_is_named_and_keeps_no_other_queue_back(
    rabbit: RabbitServer, worker: Any
) -> None:
    async with opened(broker=rabbit.url, max_priority=9) as (engine, _):
        wrong = [make_fire("any"), make_fire("any")]
        right = make_fire("any", queue="of_nine")
        results = {r.fire_id: r for r in await engine.dispatch([*wrong, right])}
        for fire in wrong:
            assert results[fire.id].code is ResultCode.UNAVAILABLE
            assert "x-max-priority" in results[fire.id].message
        assert results[right.id].code is ResultCode.ACCEPTED
        await eventually("the reason in its health", lambda: "z4j_outcomes" in engine.health())


@pytest.mark.shows("worker killed")
async def test_a_killed_workers_run_is_run_again_by_rabbitmq_and_ends_once(
    rabbit: RabbitServer, worker: DramatiqWorker, tasks: RecordedTasks
) -> None:
    async with opened(broker=rabbit.url, max_priority=10) as (engine, watcher):
        fire = make_fire("contract.sleep", [0.5])
        await engine.dispatch([fire])
        await eventually("start", lambda: fire.id in [run[0] for run in tasks.read()])
        worker.kill()
        worker.start()
        await watcher.finals([fire])
        finals = [o.state for o in watcher.outcomes if o.state.is_final]
        assert finals == [OutcomeState.SUCCEEDED]
        assert [run[0] for run in tasks.read()].count(fire.id) == 2


@pytest.mark.shows("broker restarted")
async def test_a_broker_restart_loses_nothing_and_work_resumes_by_itself(
    folder: Path, rabbit: RabbitServer, worker: DramatiqWorker, tasks: RecordedTasks
) -> None:
    async with opened(broker=rabbit.url, max_priority=10) as (engine, watcher):
        before = [make_fire("contract.echo", ["before", n]) for n in range(50)]
        worker.kill()
        await engine.dispatch(before)
        rabbit.stop()
        during = [make_fire("contract.echo", ["during", n]) for n in range(50)]
        results = await engine.dispatch(during)
        assert {r.code for r in results} == {ResultCode.UNAVAILABLE}
        assert "unreachable since" in engine.health()
        (folder / "rabbit.log").unlink()  # Its start is awaited by what it prints.
        rabbit.start()
        await eventually("recovery", lambda: engine.health() == "", 30)
        await engine.dispatch(during)
        worker.start()
        await watcher.finals(before + during, 60)
        ran = {run[0] for run in tasks.read()}
        assert {fire.id for fire in before + during} <= ran
