"""Which fires are ours, and how far each has come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

from z4j_adapters._models import Fire, Outcome, OutcomeState, Result, ResultCode

__all__ = ["Sighting", "Tracker"]

TRACKED_MAX = 500_000  # ~200 MB; fires forgotten here are still found by their dedupe key.


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
class _Entry:
    ref: bytes
    state: OutcomeState | None = None
    handing_over: int = 0
    worker: str = ""
    held: list[Sighting] = field(default_factory=list)


class Tracker:
    """Turns sightings into outcomes: at most RUNNING once and then one end, per fire.

    A worker may be quicker than the broker's answer to us: what is seen of a fire while it is
    handed over waits until `settle`.  No thread-safety: the event loop owns it.
    """

    def __init__(self, bound: int = TRACKED_MAX) -> None:
        self._bound = bound
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._running: dict[str, set[str]] = {}

    def begin(self, fires: Iterable[Fire]) -> None:
        """These are being handed over."""
        for fire in fires:
            entry = self._entries.get(fire.id)
            if entry is None:
                entry = self._entries[fire.id] = _Entry(fire.ref)
            entry.handing_over += 1
        while len(self._entries) > self._bound:
            self._forget(next(iter(self._entries)))

    def settle(self, results: Iterable[Result]) -> list[Outcome]:
        """The broker answered; returns what had been seen meanwhile."""
        outcomes: list[Outcome] = []
        for result in results:
            entry = self._entries.get(result.fire_id)
            if entry is None:
                continue
            entry.handing_over -= 1
            if entry.handing_over <= 0:
                held, entry.held = entry.held, []
                if result.code is ResultCode.REJECTED:
                    self._forget(result.fire_id)
                    continue
                for sighting in held:
                    if (outcome := self._advance(entry, sighting)) is not None:
                        outcomes.append(outcome)
        return outcomes

    def adopt(self, fire_id: str, ref: bytes) -> None:
        """An adapter before us, or beside us, handed this one over."""
        self._entries.setdefault(fire_id, _Entry(ref))

    def knows(self, fire_id: str) -> bool:
        """Whether it is in memory."""
        return fire_id in self._entries

    def has_ended(self, fire_id: str) -> bool:
        """Whether nothing new can be seen of it: it has ended, or it is not known."""
        entry = self._entries.get(fire_id)
        return entry is None or (entry.state is not None and entry.state.is_final)

    def see(self, sighting: Sighting) -> Outcome | None:
        """Return the outcome if the sighting brings a known fire forward."""
        entry = self._entries.get(sighting.id)
        if entry is None:
            return None
        if entry.handing_over > 0:
            entry.held.append(sighting)
            return None
        return self._advance(entry, sighting)

    def tell(self, sighting: Sighting) -> Outcome | None:
        """As `see`, but an end that was reported is reported again: the scheduler asks for it."""
        if (outcome := self.see(sighting)) is not None:
            return outcome
        entry = self._entries.get(sighting.id)
        if entry is None or entry.handing_over > 0 or not sighting.state.is_final:
            return None
        return _outcome(sighting, entry.ref)

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
        return (
            fire_id
            for fire_id, entry in self._entries.items()
            if entry.handing_over <= 0 and (entry.state is None or not entry.state.is_final)
        )

    def _advance(self, entry: _Entry, sighting: Sighting) -> Outcome | None:
        if entry.state is not None and (entry.state.is_final or entry.state is sighting.state):
            if sighting.state is OutcomeState.RUNNING and not entry.state.is_final:
                self._move(entry, sighting)  # A retry may run elsewhere.
            return None
        entry.state = sighting.state
        self._move(entry, sighting)
        return _outcome(sighting, entry.ref)

    def _move(self, entry: _Entry, sighting: Sighting) -> None:
        if entry.worker:
            runs = self._running.get(entry.worker, set())
            runs.discard(sighting.id)
            if not runs:
                self._running.pop(entry.worker, None)
        entry.worker = "" if sighting.state.is_final else sighting.worker
        if entry.worker:
            self._running.setdefault(entry.worker, set()).add(sighting.id)

    def _forget(self, fire_id: str) -> None:
        entry = self._entries.pop(fire_id)
        if entry.worker:
            self._running.get(entry.worker, set()).discard(fire_id)


def _outcome(sighting: Sighting, ref: bytes) -> Outcome:
    at = datetime.fromtimestamp(sighting.at_s, timezone.utc)
    return Outcome(sighting.id, ref, sighting.state, at, sighting.error)
