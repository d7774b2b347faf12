"""The contract of EngineAdapter as a pytest class.

Subclass `AdapterContract` in a test module with asyncio tests on (pytest-asyncio, auto mode) and
give it four fixtures: `adapter`, a started EngineAdapter whose engine has running workers that
know the tasks of `ContractTasks`; `tasks`, which reads what they ran; `watcher`, a Watcher of the
adapter; and `idle`, an IdleQueue.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import Delivery, FireRef, OutcomeState, ResultCode
from z4j_adapters.testing.kit import ContractTasks, Watcher, codes, make_fire
from z4j_adapters.testing.queue_contract import QueueContract

__all__ = ["AdapterContract"]


class AdapterContract(QueueContract):
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
        assert codes(first) == {ResultCode.ACCEPTED: 1000}
        once = adapter.capabilities().delivery is Delivery.EFFECTIVELY_ONCE
        if once:
            assert codes(again) == {ResultCode.DUPLICATE: 1000}
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
        counts = codes([r for answer in answers for r in answer])
        await watcher.finals(fires)
        runs = Counter(run[0] for run in await tasks.runs() if run[1] == ["race"])
        assert set(runs) == {fire.id for fire in fires}
        if adapter.capabilities().delivery is Delivery.EFFECTIVELY_ONCE:
            assert counts == {ResultCode.ACCEPTED: 50, ResultCode.DUPLICATE: 150}
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
        by_id = {r.fire_id: r for r in await adapter.dispatch([bad, good])}
        assert by_id[good.id].code is ResultCode.ACCEPTED
        assert by_id[bad.id].code is ResultCode.REJECTED
        assert "no_such_option" in by_id[bad.id].message
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

    async def test_close_ends_observing_and_may_be_repeated(self, adapter: EngineAdapter) -> None:
        watching = asyncio.ensure_future(_drain(adapter))
        await asyncio.sleep(0)
        await adapter.close()
        await asyncio.wait_for(watching, 5)
        await adapter.close()


async def _drain(adapter: EngineAdapter) -> None:
    async for _ in adapter.observe():
        pass
