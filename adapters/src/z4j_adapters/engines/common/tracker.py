"""Which fires are ours, and how far each has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

from z4j_adapters._models import Fire, Outcome, OutcomeState, Result, ResultCode
from z4j_adapters.engines.common.oldest import oldest_over

__all__ = ["Sighting", "Tracker"]

TRACKED_MAX = 500_000  # ~130 MB; fires forgotten here are still found by their dedupe key.


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something seen about a task, ours or not."""

    id: str
    state: OutcomeState
    at_s: float
    """By the engine's clock, seconds since the epoch."""
    error: str = ""
    worker: str = ""


@dataclass(slots=True)
class _HandOver:
    """A fire that is on its way to the broker."""

    count: int = 0
    """How many times over."""
    held: list[Sighting] = field(default_factory=list)


class Tracker:
    """Turns sightings into outcomes: at most RUNNING once and then one end, per fire.

    A worker may be quicker than the broker's answer to us: what is seen of a fire while it is
    handed over waits until `settle`.  No thread-safety: the event loop owns it.

    There may be hundreds of thousands that wait for their turn, so one of which nothing was seen
    is no more than its id and its fire_ref.
    """

    def __init__(self, bound: int = TRACKED_MAX) -> None:
        self._bound = bound
        self._refs: dict[str, bytes] = {}
        """All that are known, oldest first."""
        self._handing_over: dict[str, _HandOver] = {}
        self._workers: dict[str, str] = {}
        """On which a fire runs; empty: not known."""
        self._ended: set[str] = set()
        self._running: dict[str, set[str]] = {}
        """By worker, if that is known."""

    def begin(self, fires: Iterable[Fire]) -> None:
        """These are being handed over."""
        for fire in fires:
            self._refs.setdefault(fire.id, fire.ref)
            self._handing_over.setdefault(fire.id, _HandOver()).count += 1
        for fire_id in oldest_over(self._refs, self._bound):
            self._forget(fire_id)

    def settle(self, results: Iterable[Result]) -> list[Outcome]:
        """The broker answered; returns what had been seen meanwhile."""
        outcomes: list[Outcome] = []
        for result in results:
            fire_id = result.fire_id
            handing_over = self._handing_over.get(fire_id)
            if handing_over is None:
                continue
            handing_over.count -= 1
            if handing_over.count > 0:
                continue
            del self._handing_over[fire_id]
            if result.code is ResultCode.REJECTED:
                self._forget(fire_id)
                continue
            for sighting in handing_over.held:
                if (outcome := self._advance(sighting)) is not None:
                    outcomes.append(outcome)
        return outcomes

    def adopt(self, fire_id: str, ref: bytes) -> None:
        """An adapter before us, or beside us, handed this one over."""
        self._refs.setdefault(fire_id, ref)

    def knows(self, fire_id: str) -> bool:
        """Whether it is in memory."""
        return fire_id in self._refs

    def has_ended(self, fire_id: str) -> bool:
        """Whether nothing new can be seen of it: it has ended, or it is not known."""
        return fire_id in self._ended or fire_id not in self._refs

    def see(self, sighting: Sighting) -> Outcome | None:
        """Return the outcome if the sighting brings a known fire forward."""
        if sighting.id not in self._refs:
            return None
        if (handing_over := self._handing_over.get(sighting.id)) is not None:
            handing_over.held.append(sighting)
            return None
        return self._advance(sighting)

    def tell(self, sighting: Sighting) -> Outcome | None:
        """As `see`, but an end that was reported is reported again: the scheduler asks for it."""
        if (outcome := self.see(sighting)) is not None:
            return outcome
        ref = self._refs.get(sighting.id)
        if ref is None or sighting.id in self._handing_over or not sighting.state.is_final:
            return None
        return _outcome(sighting, ref)

    def lost_with(self, worker: str, reason: str, at_s: float) -> list[Outcome]:
        """The worker is gone: what ran there is lost."""
        ids = list(self._running.get(worker, ()))
        seen = (self.see(Sighting(i, OutcomeState.LOST, at_s, reason, worker)) for i in ids)
        return [outcome for outcome in seen if outcome is not None]

    def workers_with_runs(self) -> list[str]:
        """Name the workers on which fires run."""
        return list(self._running)

    def unfinished(self) -> Iterator[str]:
        """Yield ids whose end has not been seen, oldest first."""
        return (i for i in self._refs if i not in self._ended and i not in self._handing_over)

    def _advance(self, sighting: Sighting) -> Outcome | None:
        fire_id = sighting.id
        if fire_id in self._ended:
            return None
        news = sighting.state.is_final or fire_id not in self._workers
        self._leave(fire_id)
        if sighting.state.is_final:
            self._ended.add(fire_id)
        else:  # A retry may run elsewhere.
            self._workers[fire_id] = sighting.worker
            if sighting.worker:
                self._running.setdefault(sighting.worker, set()).add(fire_id)
        return _outcome(sighting, self._refs[fire_id]) if news else None

    def _leave(self, fire_id: str) -> None:
        """It runs no more where it did."""
        if worker := self._workers.pop(fire_id, ""):
            runs = self._running[worker]
            runs.discard(fire_id)
            if not runs:
                del self._running[worker]

    def _forget(self, fire_id: str) -> None:
        self._leave(fire_id)
        self._refs.pop(fire_id, None)
        self._handing_over.pop(fire_id, None)
        self._ended.discard(fire_id)


def _outcome(sighting: Sighting, ref: bytes) -> Outcome:
    at = datetime.fromtimestamp(sighting.at_s, timezone.utc)
    return Outcome(sighting.id, ref, sighting.state, at, sighting.error)
