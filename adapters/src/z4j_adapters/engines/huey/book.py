"""What Huey's storage and our marks in it know of fires."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import redis

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.polled import Book
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.engines.huey.instance import HueyOptions, is_redis, own_storage
from z4j_adapters.engines.huey.lost import Vanished, Workers
from z4j_adapters.engines.huey.marks import KEEP_S, WAITING, Mark
from z4j_adapters.engines.huey.publish import new_publisher, sqlite_failures
from z4j_adapters.engines.huey.results import StoredReader
from z4j_adapters.engines.huey.signals import marks_in
from z4j_adapters.engines.huey.waiting import waiting_fires

__all__ = ["Consumers", "Control", "HueyBook"]

BEATS_EVERY_S = 1.0
CLEAN_EVERY_S = 600.0
ATTACHED_FOR_S = 3600.0  # After the last sign of life; consumers are restarted now and then.


class Consumers(NamedTuple):
    """What attached consumers told of themselves."""

    attached: bool = False
    tasks: tuple[str, ...] = ()


class _Reader:
    """A storage of one thread's own."""

    def __init__(self, huey: Any) -> None:
        self._huey = huey
        self._storage = own_storage(huey.storage)
        self._marks = marks_in(self._storage)
        self._stored = StoredReader(huey.serializer)

    def queued(self) -> set[str] | None:
        """Read the ids of fires in queue and schedule; None if that is too much."""
        return waiting_fires(self._storage, self._stored)

    def close(self) -> None:
        """Close connections.  Idempotent."""
        with contextlib.suppress(Exception):
            if is_redis(self._storage):
                self._storage.conn.close()
                self._storage.pool.disconnect()
            else:
                self._storage.close()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Raise what the storage raises as EngineUnavailable."""
        try:
            yield
        except self._failures() as error:
            raise EngineUnavailable(f"{type(error).__name__}: {error}") from error

    def _failures(self) -> tuple[type[BaseException], ...]:
        if is_redis(self._storage):
            return (OSError, redis.RedisError)
        return (OSError, redis.RedisError, *sqlite_failures(self._storage))


class HueyBook(_Reader, Book):
    """See Book.  A mark says more than a stored result, so it counts where there is one."""

    def __init__(self, huey: Any, options: HueyOptions) -> None:
        super().__init__(huey)
        Book.__init__(self)
        self._finder = new_publisher(huey.storage, options.dedupe_ttl_s)
        self._workers = Workers(options.worker_lost_after_s)
        self._vanished = Vanished(options.worker_lost_after_s, self.queued)
        self._lost_after_s = options.worker_lost_after_s
        self._beats: dict[str, str] = {}
        self._beats_at = float("-inf")

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        with self.errors():
            marks = self._marks.get(list(routes))
            running = {i: m for i, m in marks.items() if m.state == OutcomeState.RUNNING.value}
            waiting = [i for i in routes if i not in marks or marks[i].state == WAITING]
            ends = self._stored_ends([i for i in waiting if i not in marks])
            lost = self._lost(running, [i for i in waiting if i not in ends], routes)
            lost = {i: why for i, why in lost.items() if i not in self._stored_ends([i])}
            self._forget_unknown([i for i in waiting if i not in marks and i not in ends])
        seen = [s for i, mark in marks.items() if i not in lost for s in _sightings(i, mark)]
        now = time.time()
        seen += [Sighting(i, state, now, error) for i, (state, error) in ends.items()]
        return seen + [Sighting(i, OutcomeState.LOST, now, why) for i, why in lost.items()]

    def _forget_unknown(self, fire_ids: Sequence[str]) -> None:
        """Of what left no mark and no result, and has no dedupe key: it was not handed over, or so
        long ago that the key has run out."""
        unknown = set(fire_ids).difference(self._finder.refs(fire_ids) if fire_ids else ())
        if unknown and (queue := self._vanished.queue_now()) is not None:
            for fire_id in unknown - queue:
                self.forget(fire_id)

    def _stored_ends(self, fire_ids: Sequence[str]) -> dict[str, tuple[OutcomeState, str]]:
        if not fire_ids or not self._huey.results:
            return {}
        stored = self._storage.peek_many(fire_ids)
        ends = {fire_id: self._stored.end(data) for fire_id, data in stored.items()}
        return {fire_id: end for fire_id, end in ends.items() if end is not None}

    def _lost(
        self, running: Mapping[str, Mark], waiting: Sequence[str], asked: Mapping[str, str]
    ) -> dict[str, str]:
        if time.monotonic() - self._beats_at > min(BEATS_EVERY_S, self._lost_after_s / 4):
            self._beats, self._beats_at = self._marks.beats(), time.monotonic()
        self._workers.hear(self._beats, running.values())
        lost = {
            fire_id: f"its worker {mark.worker} was not heard of for {self._lost_after_s:g} s: it "
            "was killed during the run?"
            for fire_id, mark in running.items()
            if self._workers.is_silent(mark.worker)
        }
        if self._workers.any_alive():  # Else nobody would tell of a start.
            for fire_id in self._vanished.lost(waiting, set(asked).difference(waiting)):
                lost[fire_id] = "it left the queue, and no consumer began it"
        return lost

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(self._finder.refs(fire_ids), self._huey.name)

    def close(self) -> None:
        super().close()
        self._finder.close()


class Control(_Reader):
    """What is asked for by people, and upkeep.  Blocks; belongs to one thread."""

    def __init__(self, huey: Any) -> None:
        super().__init__(huey)
        self._clean_at = float("-inf")

    def consumers(self) -> Consumers:
        """Ask who is attached.

        Raises:
            EngineUnavailable: The storage does not answer.
        """
        with self.errors():
            beats = {worker: _told_at_s(text) for worker, text in self._marks.beats().items()}
            now = time.time()
            if time.monotonic() >= self._clean_at:
                self._clean_at = time.monotonic() + CLEAN_EVERY_S
                self._marks.clean()
                self._marks.forget(w for w, at_s in beats.items() if now - at_s > KEEP_S)
            attached = any(now - at_s < ATTACHED_FOR_S for at_s in beats.values())
            return Consumers(attached, tuple(self._marks.tasks()) if attached else ())

    def cancel(self, fire_id: str) -> None:
        """Revoke a run that has not begun.

        Raises:
            ControlFailed: It has begun or ended, or the storage does not answer.
        """
        try:
            with self.errors():
                self._cancel(fire_id)
        except EngineUnavailable as error:
            raise ControlFailed(str(error)) from error

    def _cancel(self, fire_id: str) -> None:
        mark = self._marks.get([fire_id]).get(fire_id)
        if mark is not None and mark.state == OutcomeState.RUNNING.value:
            raise ControlFailed("it runs, and Huey cannot stop a run")
        if mark is not None and mark.state != WAITING:
            raise ControlFailed(f"it has ended: {mark.state}")
        # For one run: the consumer that skips it takes the key away.
        revoked = self._huey.serializer.serialize((None, True))
        self._storage.put_data(f"r:{fire_id}", revoked)
        queued = self.queued()
        if queued is None:
            return  # Too long to search; an attached consumer tells what comes of it.
        if fire_id in queued:
            # Consumers look for the key after they took the message: it cannot run any more.
            self._marks.put(fire_id, Mark(OutcomeState.CANCELLED.value, time.time()))
        elif self._storage.delete_data(f"r:{fire_id}"):
            raise ControlFailed(
                "it is in the queue no more: it runs or has ended, and Huey cannot stop a run"
            )


def _told_at_s(beat: str) -> float:
    """By the worker's clock; it need not be near ours."""
    try:
        return float(beat.split()[1])
    except (ValueError, IndexError):
        return 0.0


def _sightings(fire_id: str, mark: Mark) -> list[Sighting]:
    """What a mark says: the start, too, for a run may be shorter than the time between looks."""
    seen = []
    if mark.began_s:
        seen.append(Sighting(fire_id, OutcomeState.RUNNING, mark.began_s, "", mark.worker))
    if mark.state not in (WAITING, OutcomeState.RUNNING.value):
        seen.append(Sighting(fire_id, OutcomeState(mark.state), mark.at_s, mark.error, mark.worker))
    return seen
