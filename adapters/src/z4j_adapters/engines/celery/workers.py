"""What is known of the workers: who lives, who reports task events, who is gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from z4j_adapters.engines.celery.observe import WorkerNote

__all__ = ["Workers"]

ASK_AGAIN_S = 15.0
ANSWER_WITHIN_S = 10.0  # Remote control answers within one; a busy solo worker needs longer.
OFFLINE_GRACE_S = 2.0  # The last task events of a worker may overtake its farewell.


@dataclass(slots=True)
class _Worker:
    first_seen: float
    last_seen: float
    beats: int = 0
    told: bool = False
    """It said that it sends task events."""
    offline_at: float | None = None


class Workers:
    """Time is an argument, in seconds of a monotonic clock.  The event loop owns it."""

    def __init__(self, lost_after_s: float) -> None:
        self._lost_after_s = lost_after_s
        self._workers: dict[str, _Worker] = {}
        self._asked_at = float("-inf")
        self.any_task_event = False

    def note(self, note: WorkerNote, now: float) -> None:
        """A worker was heard of."""
        worker = self._workers.get(note.hostname)
        if worker is None or note.kind == "online":
            worker = self._workers[note.hostname] = _Worker(now, now)
        worker.last_seen = now
        worker.beats += note.kind == "heartbeat"
        worker.offline_at = now if note.kind == "offline" else None

    def answered(self, hostnames: Iterable[str], now: float) -> None:
        """These workers said that they send task events."""
        for hostname in hostnames:
            self._workers.setdefault(hostname, _Worker(now, now)).told = True

    def should_ask(self, now: float) -> bool:
        """Whether to ask workers to send task events now; counts as asked if so."""
        waiting = any(not w.told and w.offline_at is None for w in self._workers.values())
        if waiting or now - self._asked_at >= ASK_AGAIN_S:
            self._asked_at = now
            return True
        return False

    @property
    def beats(self) -> int:
        """Beats heard of all workers together."""
        return sum(worker.beats for worker in self._workers.values())

    def telling(self) -> list[str]:
        """Name the workers that said they send task events."""
        return sorted(name for name, worker in self._workers.items() if worker.told)

    def mute(self, now: float) -> list[str]:
        """Name the workers that live and do not answer."""
        return sorted(
            name
            for name, worker in self._workers.items()
            if not worker.told
            and worker.offline_at is None
            and now - worker.first_seen > ANSWER_WITHIN_S
        )

    def gone(self, now: float, watching_since: float | None) -> list[tuple[str, str]]:
        """Return workers that left or fell silent, with the reason, and forget them.

        Silence counts only while we could have heard something, and only of workers that were
        heard to beat at all: --without-heartbeat is common.
        """
        gone = []
        for name, worker in list(self._workers.items()):
            reason = ""
            if worker.offline_at is not None:
                if now - worker.offline_at > OFFLINE_GRACE_S:
                    reason = f"worker {name} went offline during the run"
            elif watching_since is not None and worker.beats >= 2:
                silent_s = now - max(worker.last_seen, watching_since)
                if silent_s > self._lost_after_s:
                    reason = f"worker {name} has not been heard of for {silent_s:.0f} s"
            if reason:
                del self._workers[name]
                gone.append((name, reason))
        return gone
