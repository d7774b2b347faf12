"""The contract of EngineAdapter as a pytest class.

Subclass `AdapterContract` in a test module with asyncio tests on (pytest-asyncio, auto mode) and
give it four fixtures: `adapter`, a started EngineAdapter whose engine has running workers that
know the tasks of `ContractTasks`; `tasks`, which reads what they ran; `watcher`, a Watcher of the
adapter; and `idle`, an IdleQueue.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import (
    Delivery,
    Fire,
    FireRef,
    Outcome,
    OutcomeState,
    Result,
    ResultCode,
    TaskTemplate,
)

__all__ = ["AdapterContract", "ContractTasks", "IdleQueue", "Watcher", "make_fire"]

_SPACE = uuid.UUID("6f1a2c1e-0f6e-5a51-8f0a-2b0f3f1d7c11")
_run = uuid.uuid4().hex
_count = 0
_templates: dict[tuple[Any, ...], TaskTemplate] = {}


def make_fire(
    task: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    due_us: int | None = None,
    **template: Any,
) -> Fire:
    """Make a fire with an id of its own, due now; more keywords go to the template."""
    global _count
    _count += 1
    options = template.pop("engine_options", {})
    fields = (task, json.dumps(list(args)), json.dumps(dict(kwargs or {})))
    key = (*fields, *sorted(template.items()), json.dumps(options, sort_keys=True))
    if key not in _templates:
        _templates[key] = TaskTemplate(
            len(_templates) + 1,
            "projects/default/schedules/contract",
            *fields,
            engine_options={name: json.dumps(value) for name, value in options.items()},
            **template,
        )
    fire_id = str(uuid.uuid5(_SPACE, f"{_run}/{_count}"))
    due_us = int(time.time() * 1e6) if due_us is None else due_us
    return Fire(fire_id, b"ref-%d" % _count, _templates[key], due_us)


class ContractTasks:
    """Tasks that the engine's workers must know, and how to read what they were called with."""

    echo = "contract.echo"
    """Takes anything, records (task id, args, kwargs), returns."""
    fail = "contract.fail"
    """Raises ValueError("as it should")."""
    unknown = "contract.nobody_knows_this"
    """Known to no worker."""

    hold = "contract.hold"
    """Takes a path, records as `echo` does, and returns once there is a file of that name."""

    async def runs(self) -> list[tuple[str, list[Any], dict[str, Any]]]:
        """Return (task id, args, kwargs) of every run of `echo`, and start of `hold`, so far."""
        raise NotImplementedError


class Watcher:
    """Collects an adapter's outcomes and lets a test await them."""

    def __init__(self, adapter: EngineAdapter) -> None:
        self.outcomes: list[Outcome] = []
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._collect(adapter))

    async def _collect(self, adapter: EngineAdapter) -> None:
        async for batch in adapter.observe():
            async with self._changed:
                self.outcomes += batch
                self._changed.notify_all()

    async def finals(self, fires: Sequence[Fire], timeout_s: float = 30.0) -> dict[str, Outcome]:
        """Await the end of every fire; AssertionError names how many are missing."""
        wanted = {fire.id for fire in fires}

        def found() -> dict[str, Outcome]:
            return {o.fire_id: o for o in self.outcomes if o.state.is_final and o.fire_id in wanted}

        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: len(found()) == len(wanted)), timeout_s
                )
            except asyncio.TimeoutError:
                missing = len(wanted) - len(found())
                raise AssertionError(f"{missing} of {len(wanted)} fires did not end") from None
        return found()

    async def close(self) -> None:
        """Stop collecting."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class IdleQueue(NamedTuple):
    """A queue that no worker takes from."""

    adapter: EngineAdapter
    """Whose it is; another than the contract's if that has one queue only."""
    watcher: Watcher
    """Of that adapter."""
    name: str
    queue: str
    """As templates say it: the name, or empty if the engine wants none."""


def _codes(results: Sequence[Result]) -> Counter[ResultCode]:
    return Counter(result.code for result in results)


class AdapterContract:
    """Claims about any EngineAdapter; see the module's text for the fixtures it wants."""

    async def test_runs_the_task_and_reports_start_and_end(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        fire = make_fire(tasks.echo, [1], {"y": 2})
        results = await adapter.dispatch([fire])
        assert [(r.fire_id, r.fire_ref, r.code) for r in results] == [
            (fire.id, fire.ref, ResultCode.ACCEPTED)
        ]
        ends = await watcher.finals([fire])
        assert ends[fire.id].state is OutcomeState.SUCCEEDED
        assert ends[fire.id].fire_ref == fire.ref
        states = [o.state for o in watcher.outcomes if o.fire_id == fire.id]
        assert states == [OutcomeState.RUNNING, OutcomeState.SUCCEEDED]

    async def test_the_engines_task_id_is_the_fires_id(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        fire = make_fire(tasks.echo, ["id"])
        await adapter.dispatch([fire])
        await watcher.finals([fire])
        assert [run[0] for run in await tasks.runs() if run[1] == ["id"]] == [fire.id]

    async def test_a_thousand_fires_handed_over_twice_run_once_each(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        """At least once each, where the adapter promises no more."""
        fires = [make_fire(tasks.echo, ["twice"]) for _ in range(1000)]
        halves = fires[:500], fires[500:]
        first = [r for half in halves for r in await adapter.dispatch(half)]
        again = [r for half in halves for r in await adapter.dispatch(half)]
        assert _codes(first) == {ResultCode.ACCEPTED: 1000}
        once = adapter.capabilities().delivery is Delivery.EFFECTIVELY_ONCE
        if once:
            assert _codes(again) == {ResultCode.DUPLICATE: 1000}
        ends = await watcher.finals(fires, timeout_s=60)
        assert {o.state for o in ends.values()} == {OutcomeState.SUCCEEDED}
        runs = Counter(run[0] for run in await tasks.runs() if run[1] == ["twice"])
        assert set(runs) == {fire.id for fire in fires}
        assert not once or set(runs.values()) == {1}

    async def test_concurrent_hand_overs_of_the_same_fires_run_them_once(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        """At least once each, where the adapter promises no more."""
        fires = [make_fire(tasks.echo, ["race"]) for _ in range(50)]
        answers = await asyncio.gather(*(adapter.dispatch(fires) for _ in range(4)))
        codes = _codes([r for answer in answers for r in answer])
        await watcher.finals(fires)
        runs = Counter(run[0] for run in await tasks.runs() if run[1] == ["race"])
        assert set(runs) == {fire.id for fire in fires}
        if adapter.capabilities().delivery is Delivery.EFFECTIVELY_ONCE:
            assert codes == {ResultCode.ACCEPTED: 50, ResultCode.DUPLICATE: 150}
            assert set(runs.values()) == {1}

    async def test_a_task_that_raises_ends_failed_with_the_engines_message(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        fire = make_fire(tasks.fail)
        await adapter.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.FAILED
        assert "as it should" in end.error

    async def test_a_task_that_no_worker_knows_ends_failed(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        fire = make_fire(tasks.unknown)
        results = await adapter.dispatch([fire])
        if results[0].code is ResultCode.REJECTED:
            assert tasks.unknown in results[0].message
            return
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.FAILED
        assert tasks.unknown in end.error

    async def test_arguments_arrive_as_they_were(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        args: list[Any] = [None, True, -1, 2**53, 1.5, "%s %d 'quoted' \"twice\" \\ \n\x00", "🕰 né"]
        kwargs = {"nested": {"list": [[], {}, [{"ключ": "値"}]], "z4j": "{0}"}, "big": "x" * 61_000}
        fire = make_fire(tasks.echo, args, kwargs)
        await adapter.dispatch([fire])
        await watcher.finals([fire])
        assert [run[1:] for run in await tasks.runs() if run[0] == fire.id] == [(args, kwargs)]

    async def test_a_bad_fire_is_rejected_alone(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        good = make_fire(tasks.echo, ["good"])
        bad = make_fire(tasks.echo, ["bad"], engine_options={"no_such_option": 1})
        codes = {r.fire_id: r for r in await adapter.dispatch([bad, good])}
        assert codes[good.id].code is ResultCode.ACCEPTED
        assert codes[bad.id].code is ResultCode.REJECTED
        assert "no_such_option" in codes[bad.id].message
        await watcher.finals([good])

    async def test_every_outcome_is_of_a_fire_that_was_dispatched(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        fires = [make_fire(tasks.echo, ["mine", n]) for n in range(20)]
        await adapter.dispatch(fires)
        await watcher.finals(fires)
        assert {o.fire_id for o in watcher.outcomes} == {fire.id for fire in fires}

    async def test_a_look_up_finds_ends_and_no_strangers_or_says_that_it_cannot(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        good, bad, stranger = (make_fire(t) for t in (tasks.echo, tasks.fail, tasks.echo))
        await adapter.dispatch([good, bad])
        await watcher.finals([good, bad])
        asked = [FireRef(fire.id, fire.ref) for fire in (good, bad, stranger)]
        try:
            found = await adapter.lookup_outcomes(asked)
        except ControlFailed:
            assert not adapter.capabilities().lookup
            return
        assert adapter.capabilities().lookup
        assert {o.fire_id: o.state for o in found} == {
            good.id: OutcomeState.SUCCEEDED,
            bad.id: OutcomeState.FAILED,
        }
        assert {o.fire_ref for o in found} == {good.ref, bad.ref}

    async def test_a_queue_shows_what_waits_in_it_or_the_adapter_says_that_it_cannot(
        self, idle: IdleQueue, tasks: ContractTasks
    ) -> None:
        adapter = idle.adapter
        if not adapter.capabilities().list_queues:
            with pytest.raises(ControlFailed):
                await adapter.list_queues()
            return
        before = await _depth(idle)
        await adapter.dispatch([make_fire(tasks.echo, ["w"], queue=idle.queue) for _ in range(3)])
        assert await _depth(idle) == before + 3

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
            assert _codes(await adapter.dispatch(fires[:500])) == {ResultCode.DUPLICATE: 500}
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

    async def test_close_ends_observing_and_may_be_repeated(self, adapter: EngineAdapter) -> None:
        watching = asyncio.ensure_future(_drain(adapter))
        await asyncio.sleep(0)
        await adapter.close()
        await asyncio.wait_for(watching, 5)
        await adapter.close()


async def _depth(idle: IdleQueue) -> int:
    depths = {queue.name: queue.depth for queue in await idle.adapter.list_queues()}
    return depths.get(idle.name, 0)


async def _begun(tasks: ContractTasks, fire: Fire, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while fire.id not in {run[0] for run in await tasks.runs()}:
        assert time.monotonic() < deadline, "it did not begin"
        await asyncio.sleep(0.02)


async def _drain(adapter: EngineAdapter) -> None:
    async for _ in adapter.observe():
        pass
