"""What the arq engine reads: against a real Redis, without workers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
from arq.worker import JobExecutionFailed
from conftest import RecordedTasks
from engines.arq_harness import RESULT, opened
from harness import RedisServer, eventually
from z4j_adapters import ConfigurationError, FireRef, OutcomeState
from z4j_adapters.engines.arq.pickles import read_pickle
from z4j_adapters.engines.arq.results import error_text, sightings_of
from z4j_adapters.testing import make_fire


class Trap:
    """Unpickling it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_reading_a_pickle_runs_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "made"
    trap = Trap(path)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        result = read_pickle(pickle.dumps({"s": False, "r": trap}, protocol))
        assert result["s"] is False
        assert error_text(result["r"]) == f"mkdir: {path}"
    assert not path.exists()
    pickle.loads(pickle.dumps(trap))
    assert path.exists()  # The trap works.


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("as it should"), "ValueError: as it should"),
        (KeyError("customer"), "KeyError: 'customer'"),
        (FileNotFoundError(2, "No such file"), "FileNotFoundError: [Errno 2] No such file"),
        (RuntimeError(), "RuntimeError"),
        (ConfigurationError("broker", 7), "ConfigurationError: ('broker', 7)"),
        (RuntimeError("both", [ValueError(1)]), "RuntimeError: ('both', [<ValueError>])"),
        ("no exception", "no exception"),
    ],
)
def test_errors_read_as_python_writes_them(error: Any, text: str) -> None:
    assert error_text(read_pickle(pickle.dumps(error))) == text
    assert error_text(error).startswith(text.partition(":")[0])


def test_the_text_of_an_error_is_bounded_however_it_is_nested() -> None:
    nested: Any = "x" * 100_000
    for _ in range(60):
        nested = [nested, nested]  # 2^60 times the text, if all of it were written.
    began = time.monotonic()
    assert len(error_text(read_pickle(pickle.dumps(ValueError(nested))))) <= 2000
    assert len(error_text(read_pickle(pickle.dumps(ValueError("x" * 100_000))))) <= 2000
    assert time.monotonic() - began < 20


def stored(error: Any, function: str = "t", tries: int = 1) -> Any:
    """What a worker would have stored, as it is read."""
    data = {"s": False, "r": error, "f": function, "t": tries, "st": 1000, "ft": 2000}
    return read_pickle(pickle.dumps(data))


def test_only_arqs_own_words_about_a_job_it_could_not_read_mean_expired() -> None:
    expired = JobExecutionFailed("job expired")
    for result, state in [
        (stored(expired, "<unknown>"), OutcomeState.EXPIRED),
        (stored(expired, "<unknown>", tries=2), OutcomeState.LOST),
        (stored(expired), OutcomeState.FAILED),
        (stored(RuntimeError("job expired"), "<unknown>"), OutcomeState.FAILED),
        (stored(JobExecutionFailed("max 1 retries exceeded"), tries=2), OutcomeState.LOST),
        (stored(asyncio.CancelledError()), OutcomeState.CANCELLED),
        (stored(JobExecutionFailed("max 5 retries exceeded"), tries=6), OutcomeState.FAILED),
    ]:
        assert [s.state for s in sightings_of("i", result)] == [state]


async def test_a_result_that_cannot_be_read_is_no_outcome_and_the_hint_says_so(
    server: RedisServer,
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        bad = [make_fire("proj.odd", [n]) for n in range(4)]
        good = make_fire("proj.good")
        await engine.dispatch([*bad, good])
        assert engine.capabilities().outcomes
        client = server.client()
        client.lpush(f"arq:result:{bad[0].id}", "a list")
        client.set(f"arq:result:{bad[1].id}", b"\x80\x05no pickle")
        client.set(f"arq:result:{bad[2].id}", pickle.dumps([RESULT]))
        client.set(f"arq:result:{bad[3].id}", pickle.dumps({**RESULT, "ft": 10**30}))
        client.set(f"arq:result:{good.id}", pickle.dumps(RESULT))
        ends = await watcher.finals([good])
        assert ends[good.id].state is OutcomeState.SUCCEEDED
        await eventually("the hint", lambda: not engine.capabilities().outcomes)
        assert "results of proj.odd cannot be read" in engine.capabilities().outcomes_hint
        await eventually("no more questions", lambda: not engine._asked)
        assert {o.fire_id for o in watcher.outcomes} == {good.id}


async def test_a_worker_that_finds_an_expired_job_has_not_begun_it(server: RedisServer) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        late, good = make_fire("t", expires_s=600.0), make_fire("t")
        await engine.dispatch([late, good])
        client = server.client()
        client.delete(f"arq:job:{late.id}")
        for fire in (late, good):  # As a worker does before it reads the job.
            client.set(f"arq:in-progress:{fire.id}", b"1")
        await eventually("a look", lambda: watcher.outcomes)
        failed = {**RESULT, "s": False, "f": "<unknown>"}
        late_result = {**failed, "r": JobExecutionFailed("job expired")}
        client.set(f"arq:result:{late.id}", pickle.dumps(late_result))
        await watcher.finals([late])
        seen = [(o.fire_id, o.state) for o in watcher.outcomes]
        assert seen == [(good.id, OutcomeState.RUNNING), (late.id, OutcomeState.EXPIRED)]


async def test_large_results_are_read_in_several_answers(server: RedisServer) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        fires = [make_fire("t", [n]) for n in range(12)]
        await engine.dispatch(fires)
        result = {**RESULT, "r": "x" * 1_000_000}
        server.client().mset({f"arq:result:{f.id}": pickle.dumps(result) for f in fires})
        ends = await watcher.finals(fires)
        assert {end.state for end in ends.values()} == {OutcomeState.SUCCEEDED}


async def test_a_job_that_left_no_result_is_no_outcome_and_the_hint_lasts_until_one_does(
    server: RedisServer,
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        client = server.client()
        first, second, other = make_fire("a", [1]), make_fire("a", [2]), make_fire("b")
        await engine.dispatch([first, second, other])
        client.zrem("arq:queue", first.id)
        await eventually("the hint", lambda: not engine.capabilities().outcomes)
        client.set(f"arq:result:{other.id}", pickle.dumps(RESULT))
        await watcher.finals([other])
        assert "jobs of a ended and left no result" in engine.capabilities().outcomes_hint
        client.set(f"arq:result:{second.id}", pickle.dumps(RESULT))
        await watcher.finals([second])
        assert engine.capabilities().outcomes
        assert not [o for o in watcher.outcomes if o.fire_id == first.id]


async def test_a_fire_that_redis_forgot_is_asked_after_no_more_and_blames_nobody(
    server: RedisServer, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        await engine.dispatch([make_fire("t", [n]) for n in range(5)])
        server.client().flushall()
        await eventually("no more questions", lambda: not engine._asked)
        assert engine.capabilities().outcomes
        assert watcher.outcomes == []


def test_a_cancelled_future_of_the_task_is_no_cancelled_run() -> None:
    result = stored(concurrent.futures.CancelledError())
    assert sightings_of("i", result)[-1].state is OutcomeState.FAILED


async def test_a_worker_that_looks_for_an_expired_job_does_not_run_it(server: RedisServer) -> None:
    fires, client = [make_fire("t"), make_fire("t")], server.client()
    async with opened(broker=server.url) as (engine, _):
        await engine.dispatch(fires)
    for fire in fires:
        client.set(f"arq:in-progress:{fire.id}", 1)
    client.delete(f"arq:job:{fires[1].id}")
    async with opened(broker=server.url) as (engine, _):
        told = await engine.lookup_outcomes([FireRef(fire.id, fire.ref) for fire in fires])
        assert [(o.fire_id, o.state) for o in told] == [(fires[0].id, OutcomeState.RUNNING)]
