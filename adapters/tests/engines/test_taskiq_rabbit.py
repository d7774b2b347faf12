"""TaskIQ on RabbitMQ keeps what of the contract a broker without dedupe can keep."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

pytest.importorskip("taskiq_redis", reason="TaskIQ's own environment", exc_type=ImportError)

import aio_pika
from conftest import RecordedTasks
from engines.taskiq_help import HERE, TaskiqWorker, WithApp, opened, users_broker
from engines.taskiq_help import adapter as adapter
from engines.taskiq_help import settings as settings
from engines.taskiq_help import tasks as tasks
from engines.taskiq_help import worker as worker
from harness import RABBIT_SERVER, RabbitServer, RedisServer, eventually
from taskiq.kicker import AsyncKicker
from z4j_adapters import ControlFailed, Delivery, OutcomeState, ResultCode
from z4j_adapters.engines.taskiq.engine import TaskiqEngine
from z4j_adapters.testing import IdleQueue, make_fire

pytestmark = [
    pytest.mark.engine("taskiq", "RabbitMQ"),
    pytest.mark.skipif(not RABBIT_SERVER.exists(), reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def rabbit(folder: Path) -> Iterator[RabbitServer]:
    """One for the module."""
    server = RabbitServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
async def idle(adapter: TaskiqEngine, rabbit: RabbitServer) -> AsyncIterator[IdleQueue]:
    """A queue that was declared for no worker; without the app any name will do."""
    connection = await aio_pika.connect(rabbit.url)
    channel = await connection.channel()
    queue = await channel.declare_queue("contract_idle", durable=True)
    await queue.bind("taskiq")
    await connection.close()
    async with opened(broker=rabbit.url, queues=("contract_idle",)) as (engine, watcher):
        yield IdleQueue(engine, watcher, "contract_idle", "contract_idle")


async def test_before_a_worker_made_the_queue_fires_wait_with_the_scheduler(
    rabbit: RabbitServer,
) -> None:
    fire = make_fire("contract.echo", ["early"])
    async with opened(broker=rabbit.url, exchange="of_nobody") as (engine, _):
        results = await engine.dispatch([fire])
        assert results[0].code is ResultCode.UNAVAILABLE
        assert "no exchange 'of_nobody'" in results[0].message


async def test_a_message_is_what_taskiqs_own_call_leaves(
    rabbit: RabbitServer, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"broker": rabbit.url, "results": redis_server.url, "kind": "rabbit"}
    options = {"labels": {"team": "pay"}, "timeout": 3}
    fire = make_fire("contract.echo", [1], {"é": None}, priority=100, engine_options=options)
    async with opened(app=users_broker(monkeypatch, **where), workdir=HERE) as (engine, _):
        await engine.dispatch([fire])
    broker = engine._broker
    await broker.startup()
    kicker = AsyncKicker("contract.echo", broker, {"team": "pay", "timeout": 3, "priority": 9})
    await kicker.with_task_id(fire.id).kiq(1, é=None)
    queue = await broker.write_channel.get_queue("taskiq")
    ours, theirs = [await queue.get(no_ack=True) for _ in range(2)]
    await broker.shutdown()
    assert ours.message_id != theirs.message_id  # RabbitMQ's client draws one for each.
    mine = {"message_id", "delivery_tag", "message_count", "consumer_tag"}
    ours, theirs = (
        {**{k: v for k, v in message.info().items() if k not in mine}, "body": message.body}
        for message in (ours, theirs)
    )
    assert ours == theirs


async def test_what_reaches_no_queue_waits_with_the_scheduler_too(
    rabbit: RabbitServer, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"broker": rabbit.url, "results": redis_server.url, "kind": "rabbit"}
    async with opened(app=users_broker(monkeypatch, **where), workdir=HERE):
        pass  # The exchange is there now.
    async with opened(broker=rabbit.url, queues=("nobody",)) as (engine, _):
        results = await engine.dispatch([make_fire("contract.echo")])
        assert results[0].code is ResultCode.UNAVAILABLE
        assert "no queue takes routing key 'nobody' yet" in results[0].message


@pytest.mark.shows("priority")
async def test_higher_priorities_run_first(
    rabbit: RabbitServer,
    redis_server: RedisServer,
    tmp_path: Path,
    record: RecordedTasks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = {"broker": rabbit.url, "results": redis_server.url, "kind": "rabbit", "qos": 1}
    app = users_broker(monkeypatch, **where)
    async with opened(app=app, workdir=HERE) as (engine, watcher):
        assert engine.capabilities().priority
        order = [0, 1, 100, 50] * 2
        fires = [make_fire("contract.echo", [n], priority=p) for n, p in enumerate(order)]
        assert {r.code for r in await engine.dispatch(fires)} == {ResultCode.ACCEPTED}
        worker = TaskiqWorker(tmp_path, "--max-async-tasks", "1", record=record.path, **where)
        worker.start()
        try:
            await watcher.finals(fires)
        finally:
            worker.stop()
        assert [run[1][0] for run in record.read()] == [2, 6, 3, 7, 1, 5, 0, 4]
        with pytest.raises(ControlFailed):
            await engine.cancel(fires[0].id, terminate=False)


@pytest.mark.shows("broker restarted")
async def test_a_rabbitmq_restart_mid_burst_loses_nothing(
    rabbit: RabbitServer,
    redis_server: RedisServer,
    tmp_path: Path,
    record: RecordedTasks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = {"broker": rabbit.url, "results": redis_server.url, "kind": "rabbit"}
    app = users_broker(monkeypatch, **where)
    fires = [make_fire("contract.echo", ["burst"]) for _ in range(600)]
    async with opened(app=app, workdir=HERE) as (engine, watcher):
        await engine.dispatch(fires[:300])
        rabbit.stop(signal.SIGTERM)
        during = await engine.dispatch(fires[300:])
        assert {r.code for r in during} == {ResultCode.UNAVAILABLE}
        assert "unreachable since" in during[0].message
        rabbit.start()
        await eventually("recovery", lambda: engine.health() == "")
        codes = Counter(r.code for r in await engine.dispatch(fires))
        assert codes == {ResultCode.DUPLICATE: 300, ResultCode.ACCEPTED: 300}
        worker = TaskiqWorker(tmp_path, record=record.path, **where)
        worker.start()
        try:
            ends = await watcher.finals(fires)
        finally:
            worker.stop()
        assert {end.state for end in ends.values()} == {OutcomeState.SUCCEEDED}
    assert {run[0] for run in record.read()} == {fire.id for fire in fires}


class TestTaskiqOnRabbitWithApp(WithApp):
    """AioPikaBroker; all that at-least-once can promise."""

    kind = "rabbit"

    async def test_says_at_least_once(self, adapter: TaskiqEngine) -> None:
        assert adapter.capabilities().delivery is Delivery.AT_LEAST_ONCE

    async def test_without_the_app_fires_reach_the_same_worker(
        self, settings: dict[str, str], worker: TaskiqWorker, tasks: RecordedTasks
    ) -> None:
        url, results = settings["broker"], settings["results"]
        async with opened(broker=url, result_backend=results) as (engine, watcher):
            good, bad = make_fire(tasks.echo, ["by name"]), make_fire(tasks.fail)
            await engine.dispatch([good, bad])
            ends = await watcher.finals([good, bad])
            assert ends[good.id].state is OutcomeState.SUCCEEDED
            assert ends[bad.id].error == "ValueError: as it should"
