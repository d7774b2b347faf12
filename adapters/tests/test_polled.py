"""An engine that is asked goes on being asked until the end is known, or can be no more."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from harness import eventually
from z4j_adapters import Capabilities, Fire, FireRef, OutcomeState, Result, ResultCode, TaskTemplate
from z4j_adapters.engines.common import polled
from z4j_adapters.engines.common.polled import Book, PolledEngine
from z4j_adapters.engines.common.publisher import Parcel, Publisher
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.testing import Watcher, make_fire


@dataclass(frozen=True)
class Envelope:
    """Nothing."""

    route: str = ""
    size_bytes: int = 1


class Sink(Publisher):
    """Takes everything."""

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        return [Result(p.fire.id, p.fire.ref, ResultCode.ACCEPTED) for p in parcels]

    def ping(self) -> None:
        pass

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        return {}

    def close(self) -> None:
        pass


class StumblingBook(Book):
    """Fails once, as only a bug does; then all have succeeded."""

    stumbled = False

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        if not self.stumbled:
            self.stumbled = True
            raise ValueError("not what was expected")
        return [Sighting(fire_id, OutcomeState.SUCCEEDED, 1.0) for fire_id in routes]

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        return {}

    def close(self) -> None:
        pass


class Engine(PolledEngine):
    """The least of one."""

    name = "least"
    engine_version = "1"

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        pass

    async def list_tasks(self) -> list[str]:
        return []

    def capabilities(self) -> Capabilities:
        return Capabilities()


def build(_: TaskTemplate) -> Envelope:
    """One for all."""
    return Envelope()


async def test_outcomes_come_although_a_look_at_the_broker_failed_on_a_bug(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(polled, "ASK_LAST_S", 0.01)
    engine = Engine(Sink(), StumblingBook(), EnvelopeCache(build), "nowhere")
    await engine.start()
    watcher = Watcher(engine)
    fire: Fire = make_fire("any")
    await engine.dispatch([fire])
    assert (await watcher.finals([fire], 5))[fire.id].state is OutcomeState.SUCCEEDED
    assert "not what was expected" in caplog.text
    await watcher.close()
    await engine.close()


class ForgetfulBook(StumblingBook):
    """Has forgotten all, and says how often it was asked."""

    asked = 0

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        self.asked += 1
        for fire_id in routes:
            self.forget(fire_id)
        return []

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(fire_ids, "")


class KeepingEngine(Engine):
    """Can be asked."""

    def capabilities(self) -> Capabilities:
        return Capabilities(lookup=True)


async def test_a_fire_that_the_engine_has_forgotten_is_asked_after_no_more_and_gets_no_end() -> (
    None
):
    book = ForgetfulBook()
    engine = KeepingEngine(Sink(), book, EnvelopeCache(build), "nowhere")
    await engine.start()
    watcher = Watcher(engine)
    fire: Fire = make_fire("any")
    await engine.dispatch([fire])
    await eventually("a question", lambda: book.asked == 1 and not engine._asked)
    assert await engine.lookup_outcomes([FireRef(fire.id, fire.ref)]) == []
    assert not engine._asked
    await engine.dispatch([fire])  # Handed over once more: it may be there now.
    assert list(engine._asked) == [fire.id]
    await eventually("another question", lambda: book.asked == 3 and not engine._asked)
    assert watcher.outcomes == []
    await watcher.close()
    await engine.close()


async def test_a_fire_that_is_handed_over_while_the_book_looks_is_not_forgotten() -> None:
    looking, go_on = threading.Event(), threading.Event()

    class SlowBook(ForgetfulBook):
        def read(self, routes: Mapping[str, str]) -> list[Sighting]:
            looking.set()
            go_on.wait(10)
            return super().read(routes)

    engine = KeepingEngine(Sink(), SlowBook(), EnvelopeCache(build), "nowhere")
    await engine.start()
    fire: Fire = make_fire("any")
    await engine.dispatch([fire])
    await eventually("a look", looking.is_set)
    await engine.dispatch([fire])
    looking.clear()
    go_on.set()
    await eventually("the next look", looking.is_set)  # It is asked after again.
    await eventually("the end of it", lambda: not engine._asked)
    await engine.close()


async def test_fires_that_wait_cost_less_than_300_bytes_each() -> None:
    count = 20_000
    engine = Engine(Sink(), ForgetfulBook(), EnvelopeCache(build), "nowhere")
    template = make_fire("any").template
    tracemalloc.start()
    try:
        for start in range(0, count, 500):
            # Text and bytes of their own, as those that come over a stream.
            numbers = range(start, start + 500)
            fires = [Fire(f"{n:036}", n.to_bytes(40, "big"), template, 0) for n in numbers]
            await engine.dispatch(fires)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(engine._asked) == count
    assert used / count < 300
    await engine.close()
