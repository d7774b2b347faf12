"""Reads how far fires have come: results, and what became of messages that brought none."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.polled import Book
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.engines.taskiq.marks import CANCELLED, Mark, mark_key, read_mark
from z4j_adapters.engines.taskiq.results import ResultStore
from z4j_adapters.engines.taskiq.where import Whereabouts

__all__ = ["RedisBook", "ResultBook", "looks_every_s"]

GONE_MAX = 500_000


def looks_every_s(lost_after_s: float) -> float:
    """How often it is worth to look where a message is: a twentieth of what counts, <= 60 s."""
    return min(60.0, lost_after_s / 20)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (OSError, redis.RedisError) as error:
        raise EngineUnavailable(str(error) or type(error).__name__) from error


class ResultBook(Book):
    """Knows results alone: for a broker that tells nothing of its messages."""

    def __init__(self, results: ResultStore) -> None:
        super().__init__()
        self._results = results

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        """See Book."""
        with _errors():
            return self._results.read(list(routes))

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        """See Book; those without a result are asked after again by the scheduler."""
        with _errors():
            return {sighting.id: "" for sighting in self._results.read(fire_ids)}

    def close(self) -> None:
        """See Book."""
        self._results.close()


class RedisBook(ResultBook):
    """Knows dedupe keys and queues, too: says what was cancelled, and what was lost."""

    def __init__(
        self,
        results: ResultStore,
        client: Any,
        where: Whereabouts | None,
        lost_after_s: float,
    ) -> None:
        super().__init__(results)
        self._client = client
        self._where = where
        self._lost_after_s = lost_after_s
        self._look_every_s = looks_every_s(lost_after_s)
        self._looked: dict[str, float] = {}
        self._gone: dict[str, tuple[float, Mark]] = {}

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        """See Book."""
        seen = super().read(routes)
        ended = {sighting.id for sighting in seen if sighting.state.is_final}
        for fire_id in ended:
            self._forget(fire_id)
        with _errors():
            unfinished = [fire_id for fire_id in routes if fire_id not in ended]
            # A dedupe key may run out while a fire's result is still waited for.
            marks = {i: self._gone[i][1] for i in unfinished if i in self._gone}
            marks |= self._marks(unfinished)
            for fire_id in unfinished:
                if fire_id not in marks and fire_id not in self._looked:
                    self.forget(fire_id)  # It was not handed over, or too long ago.
            cancelled = [i for i, mark in marks.items() if mark.entry == CANCELLED]
            now_s = time.time()
            seen += [Sighting(i, OutcomeState.CANCELLED, now_s) for i in cancelled]
            for fire_id in cancelled:
                del marks[fire_id]
                self._forget(fire_id)
            return seen + self._lost(marks, now_s)

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        """See Book."""
        with _errors():
            marked = {i: mark.route for i, mark in self._marks(fire_ids).items()}
        # A result may outlive the dedupe key.
        others = [fire_id for fire_id in fire_ids if fire_id not in marked]
        return marked | super().routes(others)

    def close(self) -> None:
        """See Book."""
        super().close()
        self._client.close()

    def _marks(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        values = self._client.mget([mark_key(i) for i in fire_ids]) if fire_ids else []
        marks = ((i, read_mark(value)) for i, value in zip(fire_ids, values, strict=True))
        return {fire_id: mark for fire_id, mark in marks if mark is not None}

    def _lost(self, marks: Mapping[str, Mark], now_s: float) -> list[Sighting]:
        """Say which have been gone from their queue for too long without a result."""
        if self._where is None:
            return []
        now = time.monotonic()
        suspects = {
            fire_id: mark
            for fire_id, mark in marks.items()
            if now_s - mark.pushed_s > self._look_every_s
            and now - self._looked.get(fire_id, -1e9) > self._look_every_s
        }
        gone = self._where.gone(suspects)
        lost: list[Sighting] = []
        for fire_id, mark in suspects.items():
            self._looked[fire_id] = now
            if fire_id not in gone:
                self._gone.pop(fire_id, None)  # Back in the queue: a retry.
            elif now - self._gone.setdefault(fire_id, (now, mark))[0] >= self._lost_after_s:
                self._forget(fire_id)
                lost.append(Sighting(fire_id, OutcomeState.LOST, now_s, self._reason(mark)))
        if len(self._looked) > GONE_MAX:  # Of fires that nobody asks after any more.
            self._looked.clear()
            self._gone.clear()
        return lost

    def _reason(self, mark: Mark) -> str:
        return (
            f"task {mark.task!r} left queue {mark.queue!r}, and no result came in "
            f"{self._lost_after_s:g} s: the worker died with it, knows no such task, or could not "
            "store its result (see the worker's log)"
        )

    def _forget(self, fire_id: str) -> None:
        self._looked.pop(fire_id, None)
        self._gone.pop(fire_id, None)
