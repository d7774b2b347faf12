"""Each engine with its real worker, while adapters are killed or upgraded and the broker restarts.

The ordinary run kills and upgrades the adapters of two engines, twice each.  `./dev chaos
--engines` sets the volume: `Z4J_ENGINES` (names), `Z4J_ENGINE_FIRES` (of a burst),
`Z4J_ENGINE_KILLS` (and upgrades), `Z4J_ENGINE_TWICE` (fires that are sent twice).
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.cluster import draw_seed
from tests.harness.engine_sides import ENGINE_SIDES, TESTS, EngineSide, count_runs, runs
from tests.harness.processes import Program, wait_for
from tests.harness.redis_server import RedisServer
from tests.harness.scheduler_server import SchedulerServer
from tests.integration.conftest import FINAL, assert_every_second_has_its_row

FIRES = int(os.environ.get("Z4J_ENGINE_FIRES", "240"))
KILLS = int(os.environ.get("Z4J_ENGINE_KILLS", "2"))
TWICE = int(os.environ.get("Z4J_ENGINE_TWICE", "0"))
ENGINES = os.environ.get("Z4J_ENGINES", "rq,arq").split(",")
# A burst lasts so long for each kill in it: an adapter must start in between.
SECONDS_PER_KILL = 4
SECONDS = max(6, SECONDS_PER_KILL * KILLS)
SCHEDULES = -(-FIRES // SECONDS)
TOTAL = SCHEDULES * SECONDS
# An end that nobody heard is asked after one minute after the hand-over, and three.
SETTLED_S = 300
CONNECTED = "connected to scheduler"
LEFT = "left with nothing in flight"

long_form = pytest.mark.skipif(
    not TWICE, reason="./dev chaos --engines; the tests of each engine have a shorter one"
)
# An upgrade is the affair of what all engines share.
upgraded = pytest.mark.parametrize("side", ENGINES if TWICE else ENGINES[:1], indirect=True)


@dataclass
class Field:
    """One engine, and the burst that its schedules make."""

    side: EngineSide
    redis: RedisServer
    scheduler: SchedulerServer
    adapter: Program
    worker: Program
    record: Path
    began: float

    def create_schedules(self) -> None:
        """TOTAL fires, one a second each for SECONDS; a tenth of them runs a task that raises."""

        def create(number: int) -> None:
            task = self.side.echo if number % 10 else self.side.fail
            args = ("--args", f'["{number}"]') if number % 10 else ()
            self.scheduler.cli(
                "schedule", "create", f"s{number}", "--interval", "1s", "--max-fires",
                str(SECONDS), "--engine", self.side.name, "--task", task, *args,
            )  # fmt: skip

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(create, range(SCHEDULES)))

    def another(self, instance: str) -> Program:
        """One more adapter, not started yet."""
        return self.side.adapter(
            self.record.parent, self.redis.url, self.scheduler.address, instance
        )

    def handed_over(self, share: float) -> int:
        """Waits until so much of the burst is; returns how many fires are by then."""
        return self.await_count(FINAL | {"STATE_DISPATCHED", "STATE_RUNNING"}, int(share * TOTAL))

    def await_adapter(self) -> None:
        """Waits until the scheduler knows it."""
        wait_for("the adapter", lambda: self.scheduler.cli("adapter", "list"), 60)

    def fires(self) -> dict[str, list[dict[str, Any]]]:
        """All, by schedule, oldest first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for fire in self.scheduler.cli("fire", "list", "--limit", "1000000", "--ascending"):
            found.setdefault(fire["name"].split("/")[3], []).append(fire)
        return found

    def await_count(self, states: set[str], count: int) -> int:
        """Waits until so many fires are in one of these states; returns how many there are."""
        found: Counter[str] = Counter()

        def enough() -> bool:
            time.sleep(0.5)  # Each look reads every fire.
            found.clear()
            found.update(fire["state"] for fires in self.fires().values() for fire in fires)
            return sum(found[state] for state in states) >= count

        try:
            wait_for("fires", enough, SETTLED_S)
        except TimeoutError as error:
            pytest.fail(f"{error}: {count} of {TOTAL} fires in {states}; they are {found}")
        return sum(found[state] for state in states)

    def judge(self) -> str:
        """Waits for the end of every fire; one that ran twice, not at all or ended wrong fails."""
        echoes = sum(SECONDS for number in range(SCHEDULES) if number % 10)
        while (before := count_runs(self.record)) < echoes:  # As long as it gets on.
            wait_for(f"run {before + 1}", lambda n=before: count_runs(self.record) > n, SETTLED_S)
        self.await_count(FINAL, TOTAL)
        ran, again = runs(self.record), 0
        for schedule, fires in self.fires().items():
            assert_every_second_has_its_row(schedule, fires)
            assert len(fires) == SECONDS, f"{schedule} has {len(fires)} fires of {SECONDS}"
            for fire in fires:
                again += fire["attempts"] > 1
                if int(schedule[1:]) % 10 == 0:
                    assert fire["state"] == "STATE_FAILED", fire
                    assert "as it should" in fire["error"], fire
                else:
                    assert fire["state"] == "STATE_SUCCEEDED", fire
                    times = ran.pop(fire["uid"], 0)
                    assert times == 1, f"it ran {times} times: {fire}"
        assert not ran, f"runs of no fire: {list(ran)[:3]}"
        took = time.monotonic() - self.began
        return (
            f"{TOTAL} fires, {again} of them handed over again; each ran once and ended as it "
            f"should; {took:.0f} s"
        )


@pytest.fixture(params=ENGINES)
def side(request: pytest.FixtureRequest) -> EngineSide:
    """Of each engine that was asked for."""
    return ENGINE_SIDES[request.param]


@pytest.fixture
def field(side: EngineSide, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Field]:
    """Everything but the worker runs; logs are shown when the test fails."""
    durable = request.node.get_closest_marker("durable") is not None
    with ExitStack() as stack:
        # Some workers write much: a disk would set their pace.
        redis = stack.enter_context(RedisServer(tmp_path, durable=durable, fsync="no"))
        scheduler = stack.enter_context(SchedulerServer(tmp_path))
        record = tmp_path / "runs.jsonl"
        worker = side.worker(tmp_path, redis.url, record)
        stack.callback(worker.kill)
        adapter = stack.enter_context(side.adapter(tmp_path, redis.url, scheduler.address))
        made = Field(side, redis, scheduler, adapter, worker, record, time.monotonic())
        made.await_adapter()
        yield made
        for program in (scheduler, adapter, worker):
            print(f"--- {program.name} ---\n{program.log()[-3000:]}")


@pytest.mark.timeout(2 * SETTLED_S + 60 * KILLS + TOTAL // 5)
def test_an_adapter_killed_amid_a_burst_loses_and_doubles_nothing(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(draw_seed())
    field.worker.launch()
    field.create_schedules()
    amid = 0
    for kills in range(KILLS):
        wait_for("the adapter", lambda n=kills: field.adapter.log().count(CONNECTED) > n, 60)
        # The random instant is the point of this test; every other one while the adapter hands over
        # what had to wait for it.
        time.sleep(dice.uniform(0.0, 1.0 if kills % 2 else 0.05))
        amid += count_runs(field.record) < TOTAL * 9 // 10
        field.adapter.kill()
        field.adapter.launch()
    verdict = field.judge()
    with capsys.disabled():
        print(
            f"\n{field.side.name}: adapter killed {KILLS} times, {amid} amid the burst: {verdict}"
        )
    assert amid * 2 >= KILLS, "most kills came when the burst was over: give it more time"


def left(adapter: Program) -> None:
    """Tells it to stop, and waits until it has finished what it had."""
    before = adapter.log().count(LEFT)
    assert adapter.stop(60) == 0, adapter.log()[-2000:]
    assert adapter.log().count(LEFT) == before + 1, adapter.log()[-2000:]


@upgraded
@pytest.mark.timeout(2 * SETTLED_S + 60 * KILLS + TOTAL // 5)
def test_adapters_upgraded_one_by_one_amid_a_burst_lose_and_double_nothing(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are always two; a new one is started before an old one is told to stop."""
    field.worker.launch()
    with ExitStack() as stack, ThreadPoolExecutor(1) as meanwhile:
        running = [field.adapter, stack.enter_context(field.another("old"))]
        wait_for("both", lambda: len(field.scheduler.cli("adapter", "list")) == 2, 60)
        created = meanwhile.submit(field.create_schedules)
        amid = 0
        for number in range(KILLS):
            new = stack.enter_context(field.another(f"new-{number}"))
            wait_for("the new one", lambda new=new: CONNECTED in new.log(), 60)
            running.append(new)
            amid += field.handed_over((number + 0.5) / (KILLS + 1)) < TOTAL * 9 // 10
            left(running.pop(0))
        created.result()
        verdict = field.judge()
        took = Counter(fire["adapter"] for fires in field.fires().values() for fire in fires)
    with capsys.disabled():
        print(f"\n{field.side.name}: {KILLS} upgrades, {amid} amid the burst: {verdict}; {took}")
    assert amid * 2 >= KILLS, "most upgrades came when the burst was over: give it more time"
    assert len(took) >= 2 + amid // 2, took


@upgraded
@pytest.mark.timeout(2 * SETTLED_S + 60 * KILLS + TOTAL // 5)
def test_the_only_adapter_upgraded_amid_a_burst_loses_and_doubles_nothing(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    field.worker.launch()
    amid = 0
    with ThreadPoolExecutor(1) as meanwhile:
        created = meanwhile.submit(field.create_schedules)
        for number in range(KILLS):
            amid += field.handed_over((number + 0.5) / (KILLS + 1)) < TOTAL * 9 // 10
            left(field.adapter)
            field.adapter.launch()
            wait_for("it", lambda n=number: field.adapter.log().count(CONNECTED) > n + 1, 60)
        created.result()
    verdict = field.judge()
    with capsys.disabled():
        print(f"\n{field.side.name}: {KILLS} upgrades of the only adapter, {amid} amid the burst")
        print(verdict)
    assert amid * 2 >= KILLS, "most upgrades came when the burst was over: give it more time"


@long_form
@pytest.mark.durable
@pytest.mark.timeout(2 * SETTLED_S + 4 * SECONDS + TOTAL // 5)
def test_a_broker_restarted_amid_a_burst_loses_and_doubles_nothing(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worker starts after it: what a worker has in hand then is the engine's own affair."""
    field.create_schedules()
    field.await_count({"STATE_DISPATCHED"}, TOTAL // 3)
    field.redis.kill()
    waited = field.await_count({"STATE_PENDING"}, TOTAL // 20)
    field.redis.start()
    field.await_count({"STATE_DISPATCHED"}, TOTAL)
    field.worker.launch()
    verdict = field.judge()
    with capsys.disabled():
        print(f"\n{field.side.name}: broker restarted while {waited} fires waited: {verdict}")


@long_form
@pytest.mark.timeout(2 * SETTLED_S + TWICE // 5)
def test_fires_sent_twice_run_once_each(
    side: EngineSide, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer(tmp_path, durable=False))
        record = tmp_path / "runs.jsonl"
        stack.enter_context(side.worker(tmp_path, redis.url, record))
        asyncio.run(send_twice(side, tmp_path, redis.url, stack))
        ran = runs(record)
    assert len(ran) == TWICE
    assert set(ran.values()) == {1}
    took = time.monotonic() - began
    with capsys.disabled():
        print(f"\n{side.name}: {TWICE} fires sent twice: each ran once and succeeded, {took:.0f} s")


async def send_twice(side: EngineSide, folder: Path, url: str, stack: ExitStack) -> None:
    """Hands fires over to the real adapter in the place of a scheduler; awaits their ends."""
    sys.path.append(str(TESTS))  # The adapters' own tests have the scheduler that sends twice.
    from fake_scheduler import FakeScheduler, id_bytes, pb
    from z4j_adapters.testing import make_fire

    node = FakeScheduler()
    await node.start()
    stack.enter_context(side.adapter(folder, url, node.address))
    await node.until("the adapter", lambda: node.hellos, 60)
    fires = [make_fire(side.echo, ["twice"]) for _ in range(TWICE)]
    for answers in (1, 2):
        for start in range(0, TWICE, 500):
            batch = fires[start : start + 500]
            node.dispatch(batch)
            await node.until(
                "answers",
                lambda batch=batch, n=answers: all(
                    len(node.results.get(id_bytes(fire), ())) == n for fire in batch
                ),
                60,
            )
    accepted, duplicate = pb.DispatchResult.CODE_ACCEPTED, pb.DispatchResult.CODE_DUPLICATE
    codes = Counter(tuple(r.code for r in results) for results in node.results.values())
    assert codes == {(accepted, duplicate): TWICE}
    final = pb.Outcome.STATE_SUCCEEDED

    def ended() -> int:
        return sum(outcome.state == final for outcome in node.outcomes)

    while (before := ended()) < TWICE:  # As long as it gets on.
        await node.until(f"end {before + 1}", lambda n=before: ended() > n, SETTLED_S)
    assert len({o.fire_id for o in node.outcomes if o.state == final}) == TWICE
    await node.stop()
