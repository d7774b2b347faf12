"""Watching: worker events and the Redis result backend, each in a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from celery.events.receiver import EventReceiver

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.celery.results import failed_or_lost, sighting_of_payload
from z4j_adapters.engines.common.tracker import Sighting

__all__ = ["EventWatch", "ResultWatch", "WorkerNote"]

log = logging.getLogger("z4j_adapters.celery.observe")

RETRY_MIN_S, RETRY_MAX_S = 0.05, 2.0
READ_S = 0.2  # How often a reading thread looks up whether to stop.


class WorkerNote(NamedTuple):
    """A worker came, beat, or left."""

    hostname: str
    kind: str
    """online, heartbeat or offline."""


Report = Callable[[Sequence["Sighting | WorkerNote"]], None]


class _Watch(threading.Thread):
    """Connects, watches, and does it again until stopped."""

    def __init__(self, name: str, report: Report) -> None:
        super().__init__(name=name, daemon=True)
        self._report = report
        self._stopping = threading.Event()
        self.connected_at: float | None = None
        """time.monotonic() since when nothing is missed; None while disconnected."""

    def run(self) -> None:
        pause = RETRY_MIN_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._watch()
            except Exception as error:
                if self.connected_at is not None:
                    log.warning("%s: %s: %s", self.name, type(error).__name__, error)
            self.connected_at = None
            pause = RETRY_MIN_S if time.monotonic() - began > 5 else min(pause * 2, RETRY_MAX_S)
            self._stopping.wait(pause * random.uniform(0.5, 1.0))

    def stop(self) -> None:
        """Ask it to end; `join` waits up to a second."""
        self._stopping.set()

    def _is_connected(self) -> None:
        self.connected_at = time.monotonic()

    def _watch(self) -> None:
        raise NotImplementedError


class _Receiver(EventReceiver):  # type: ignore[misc]
    """Hands over raw events: Celery's clock arithmetic costs more than all the rest."""

    def __init__(
        self,
        channel: Any,
        app: Any,
        on_events: Callable[[list[Any]], None],
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(channel, app=app)
        self._on_events = on_events
        self._on_ready = on_ready
        self._turns = 0

    def on_iteration(self) -> None:
        # Redis is subscribed to in the first turn, which may last READ_S.
        self._turns += 1
        if self._turns == 2:
            self._on_ready()

    def _receive(self, body: Any, message: Any, **_: Any) -> None:
        self._on_events(body if isinstance(body, list) else [body])


class EventWatch(_Watch):
    """Celery's event stream.  `task-*` events come in batches."""

    def __init__(self, app: Any, report: Report, transport_options: dict[str, object]) -> None:
        super().__init__("worker events", report)
        self._app = app
        self._options = transport_options
        self._receiver: _Receiver | None = None

    def stop(self) -> None:
        super().stop()
        if self._receiver is not None:
            self._receiver.should_stop = True

    def _watch(self) -> None:
        # A read blocks until something is published: no socket timeout here.
        options = {k: v for k, v in self._options.items() if k != "socket_timeout"}
        with self._app.connection_for_read(transport_options=options) as connection:
            connection.connect()
            receiver = _Receiver(connection, self._app, self._on_events, self._is_connected)
            self._receiver = receiver
            if self._stopping.is_set():
                return
            # wakeup makes workers send a heartbeat, so we know them at once.
            for _ in receiver.consume(limit=None, safety_interval=READ_S, wakeup=True):
                pass

    def _on_events(self, events: list[Any]) -> None:
        notes: list[Sighting | WorkerNote] = []
        for event in events:
            try:
                note = _note_of_event(event)
            except (KeyError, TypeError, ValueError):
                continue  # Anyone may publish here; what is no event is not ours.
            if note is not None:
                notes.append(note)
        if notes:
            self._report(notes)


def _note_of_event(event: dict[str, Any]) -> Sighting | WorkerNote | None:
    kind = event["type"]
    if kind.startswith("worker-"):
        what = kind.removeprefix("worker-")
        known = what in ("online", "heartbeat", "offline")
        return WorkerNote(str(event["hostname"]), what) if known else None
    state, error = None, ""
    if kind == "task-started":
        state = OutcomeState.RUNNING
    elif kind == "task-succeeded":
        state = OutcomeState.SUCCEEDED
    elif kind == "task-failed":
        error = _error_of_event(event)
        state = failed_or_lost(error)
    elif kind == "task-revoked":
        state = OutcomeState.EXPIRED if event.get("expired") else OutcomeState.CANCELLED
    elif kind == "task-rejected" and not event.get("requeue"):
        state, error = OutcomeState.FAILED, "a worker rejected the message"
    if state is None:
        return None
    worker = str(event.get("hostname", ""))
    return Sighting(str(event["uuid"]), state, float(event["timestamp"]), error, worker)


def _error_of_event(event: dict[str, Any]) -> str:
    error = str(event.get("exception") or "the task failed")
    if error.startswith("ExceptionWithTraceback("):
        # Celery shows its wrapper where the error arose in the worker's main process: a lost pool
        # process, a time limit.  The traceback's last line is "package.Class: message".
        last = str(event.get("traceback") or error).rstrip().rpartition("\n")[2]
        name, colon, message = last.partition(":")
        error = name.rpartition(".")[2] + colon + message
    return error


class ResultWatch(_Watch):
    """The result backend publishes each state on a channel named like the result's key."""

    def __init__(self, backend: Any, report: Report) -> None:
        super().__init__("results", report)
        self._backend = backend

    def _watch(self) -> None:
        pattern = self._backend.get_key_for_task("*")
        with self._backend.client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.psubscribe(pattern)
            pubsub.get_message(timeout=1.0)
            self._is_connected()
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=READ_S)
                if message and (note := sighting_of_payload(self._backend, message["data"])):
                    self._report([note])
