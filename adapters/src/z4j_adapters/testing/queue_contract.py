"""The part of the contract that is about queues, workers and purges."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import Delivery, Fire, OutcomeState, ResultCode
from z4j_adapters.testing.kit import ContractTasks, IdleQueue, Watcher, codes, make_fire

__all__ = ["QueueContract"]


class QueueContract:
    """Claims about any EngineAdapter, as far as it says that it can."""

    async def test_a_queue_shows_what_waits_in_it_or_the_adapter_says_that_it_cannot(
        self, idle: IdleQueue, tasks: ContractTasks
    ) -> None:
        adapter = idle.adapter
        if not adapter.capabilities().list_queues:
            with pytest.raises(ControlFailed):
                await adapter.list_queues()
            return
        await adapter.dispatch([make_fire(tasks.echo, ["w"], queue=idle.queue) for _ in range(3)])
        assert await _depth(idle) >= 3  # Other tests may have left some.

    async def test_a_worker_is_seen_or_the_adapter_says_that_it_cannot(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        if not adapter.capabilities().list_workers:
            with pytest.raises(ControlFailed):
                await adapter.list_workers()
            return
        workers = await adapter.list_workers()
        assert workers
        assert all(worker.name for worker in workers)
        assert workers == sorted(workers, key=lambda worker: worker.name)

    async def test_a_purge_removes_what_waits_and_its_fires_end_cancelled_for_good(
        self, idle: IdleQueue, tasks: ContractTasks
    ) -> None:
        adapter = idle.adapter
        if not adapter.capabilities().purge:
            with pytest.raises(ControlFailed):
                await adapter.purge_queue(idle.name)
            return
        with pytest.raises(ControlFailed, match="no_such_queue"):
            await adapter.purge_queue("no_such_queue")
        # More than a part, so that parts add up.
        fires = [make_fire(tasks.echo, ["purged"], queue=idle.queue) for _ in range(700)]
        for half in (fires[:500], fires[500:]):
            await adapter.dispatch(half)
        depth = await _depth(idle)
        assert depth >= 700
        assert await adapter.purge_queue(idle.name) == depth
        ends = await idle.watcher.finals(fires)
        assert {end.state for end in ends.values()} == {OutcomeState.CANCELLED}
        assert {end.fire_ref for end in ends.values()} == {fire.ref for fire in fires}
        if adapter.capabilities().delivery is Delivery.EFFECTIVELY_ONCE:
            assert codes(await adapter.dispatch(fires[:500])) == {ResultCode.DUPLICATE: 500}
        assert await adapter.purge_queue(idle.name) == await _depth(idle) == 0

    async def test_what_runs_goes_on_when_its_queue_is_purged(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks, tmp_path: Path
    ) -> None:
        if not adapter.capabilities().purge:
            pytest.skip("it cannot purge")
        release = tmp_path / "release"
        fire = make_fire(tasks.hold, [str(release)])
        await adapter.dispatch([fire])
        await _begun(tasks, fire)
        queues = await adapter.list_queues()
        in_progress = [q.in_progress for q in queues if q.in_progress is not None]
        assert not in_progress or sum(in_progress) == 1
        if adapter.capabilities().list_workers:
            running = [w.running for w in await adapter.list_workers() if w.running is not None]
            assert not running or sum(running) == 1
        for queue in queues:
            await adapter.purge_queue(queue.name)
        release.touch()
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.SUCCEEDED


async def _depth(idle: IdleQueue) -> int:
    depths = {queue.name: queue.depth for queue in await idle.adapter.list_queues()}
    return depths.get(idle.name, 0)


async def _begun(tasks: ContractTasks, fire: Fire, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while fire.id not in {run[0] for run in await tasks.runs()}:
        assert time.monotonic() < deadline, "it did not begin"
        await asyncio.sleep(0.02)
