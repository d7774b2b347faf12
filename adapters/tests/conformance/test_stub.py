"""The stub keeps the contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from z4j_adapters import Fire, OutcomeState
from z4j_adapters.engines.stub import StubEngine, StubOptions
from z4j_adapters.testing import AdapterContract, ContractTasks, IdleQueue, Watcher, make_fire


class StubTasks(ContractTasks):
    """Runs in this process."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[Any], dict[str, Any]]] = []

    def run(self, fire: Fire) -> None:
        """The engine's callback."""
        if fire.template.task == self.fail:
            raise ValueError("as it should")
        template = fire.template
        self.seen.append(
            (fire.id, json.loads(template.args_json), json.loads(template.kwargs_json))
        )

    async def runs(self) -> list[tuple[str, list[Any], dict[str, Any]]]:
        return self.seen


@pytest.fixture
def tasks() -> StubTasks:
    """Fresh for each test."""
    return StubTasks()


@pytest.fixture
async def adapter(tasks: StubTasks) -> AsyncIterator[StubEngine]:
    """A started stub."""
    engine = StubEngine(run=tasks.run, tasks=[tasks.echo, tasks.fail, tasks.hold])
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def idle() -> AsyncIterator[IdleQueue]:
    """A stub without workers."""
    engine = StubEngine(StubOptions(workers=0))
    watcher = Watcher(engine)
    yield IdleQueue(engine, watcher, "contract_idle", "contract_idle")
    await watcher.close()
    await engine.close()


class TestStub(AdapterContract):
    """All of it."""

    async def test_what_runs_goes_on_when_its_queue_is_purged(  # type: ignore[override]
        self, tasks: StubTasks
    ) -> None:
        """A stub's run is a span of time: nothing holds it."""
        engine = StubEngine(StubOptions(run_s=0.2, workers=1))
        watcher = Watcher(engine)
        runs, *waiting = fires = [make_fire(tasks.echo) for _ in range(3)]
        await engine.dispatch(fires)
        (queue,) = await engine.list_queues()
        assert (queue.depth, queue.in_progress) == (2, 1)
        assert await engine.purge_queue(queue.name) == 2
        ends = await watcher.finals(fires)
        assert ends[runs.id].state is OutcomeState.SUCCEEDED
        assert {ends[fire.id].state for fire in waiting} == {OutcomeState.CANCELLED}
        await watcher.close()
        await engine.close()
