"""For your app: lets z4j-scheduler know how every run ends.

    from z4j_adapters.engines.huey.signals import attach

    huey = RedisHuey("shop")
    attach(huey)

Huey itself keeps nothing of a task that returns None, that was revoked or that expired, of a name
it does not know, and of a consumer that was killed.  With this each run that the scheduler asked
for leaves a mark in Huey's own Redis or SQLite file; other tasks are left alone.  It costs two
small writes a run, and one every few seconds a process.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from huey import signals as huey_signals
from huey.exceptions import CancelExecution, ConfigurationError
from huey.storage import RedisStorage, SqliteStorage

from z4j_adapters.engines.huey.marks import (
    WAITING,
    Mark,
    MarkStore,
    RedisMarks,
    SqliteMarks,
    is_fire,
)

__all__ = ["attach", "marks_in"]

log = logging.getLogger("z4j_adapters.huey.signals")

ERROR_CHARS_MAX = 2000
UNSENT_MAX = 100_000

_STATES = {
    huey_signals.SIGNAL_EXECUTING: ("running", ""),
    huey_signals.SIGNAL_REVOKED: ("cancelled", ""),
    huey_signals.SIGNAL_EXPIRED: ("expired", ""),
    huey_signals.SIGNAL_SCHEDULED: (WAITING, ""),
    huey_signals.SIGNAL_INTERRUPTED: ("lost", "the consumer was stopped during the run"),
}


def attach(huey: Any, *, beat_s: float = 5.0) -> None:
    """Make the consumers of this Huey instance tell what becomes of the scheduler's runs.

    Call it once, where the instance is made; it does nothing outside a consumer.

    Args:
        huey: On Redis or SQLite.
        beat_s: How often a consumer's process says that it lives.
    Raises:
        huey.exceptions.ConfigurationError: The storage is another.
    """
    if huey.immediate or getattr(huey, "_z4j_attached", False):
        return
    recorder = _Recorder(huey, marks_in(huey.storage), beat_s)
    huey.signal(*_STATES, huey_signals.SIGNAL_CANCELED)(recorder.signalled)
    huey.post_execute(name="z4j")(recorder.ended)
    huey.on_shutdown(name="z4j")(recorder.leave)
    huey.dequeue, huey.deserialize_task = recorder.dequeue, recorder.deserialize
    huey._z4j_attached = True


def marks_in(storage: Any) -> MarkStore:
    """Where the marks of this storage are kept."""
    if isinstance(storage, RedisStorage):
        return RedisMarks(storage.conn, storage.queue_key)
    if isinstance(storage, SqliteStorage):
        return SqliteMarks(storage)
    raise ConfigurationError(f"{type(storage).__name__} is neither Redis nor SQLite")


class _Run:
    """What a worker has in hand."""

    def __init__(self, fire_id: str) -> None:
        self.id = fire_id
        self.began_s = 0.0
        self.ended = False
        self.end: tuple[str, str] | None = None
        """What came of the task itself, or of a hook before it."""


class _Recorder:
    """One a Huey instance; consumers with process workers fork, so state belongs to a process."""

    def __init__(self, huey: Any, marks: MarkStore, beat_s: float) -> None:
        self._huey, self._marks, self._beat_s = huey, marks, beat_s
        self._lock = threading.Lock()
        self._pid, self._worker = 0, ""
        self._unsent: dict[str, Mark] = {}
        self._local = threading.local()
        self._dequeue, self._deserialize = huey.dequeue, huey.deserialize_task

    def dequeue(self) -> Any:
        """Surround the instance's own: what a worker takes is in its hands from here on."""
        self._enter_process()
        self._settle("an error inside Huey kept it from running: see the consumer's log")
        self._local.taking = True
        try:
            task = self._dequeue()
        finally:
            self._local.taking = False
        if task is not None and is_fire(task.id):
            self._local.run = _Run(task.id)
        return task

    def deserialize(self, data: bytes) -> Any:
        """Surround the instance's own: what was taken and cannot be read is gone, and is told."""
        try:
            return self._deserialize(data)
        except Exception as error:
            if getattr(self._local, "taking", False):
                self._refused(data, error)
            raise

    def signalled(self, signal: str, task: Any, *_: Any) -> None:
        """Receive Huey's signals."""
        if not is_fire(task.id):
            return
        run = self._run_of(task.id)
        if signal == huey_signals.SIGNAL_CANCELED:
            # From a pre_execute hook nothing follows; from the run, `ended` does.
            if run is not None:
                run.end = run.end or ("cancelled", "cancelled by a pre_execute hook")
            return
        state, error = _STATES[signal]
        if run is not None:
            run.ended = state != "running"
            if not run.ended:
                run.began_s = time.time()
                task.execute = _watched(task.execute, run)
        self._put(task.id, state, error)

    def ended(self, task: Any, _: Any, exception: BaseException | None) -> None:
        """Run after every attempt, as a post_execute hook."""
        if not is_fire(task.id):
            return
        if (run := self._run_of(task.id)) is not None:
            run.ended = True
        if exception is not None and task.retries:
            self._put(task.id, WAITING, _text_of(exception))
        else:
            self._put(task.id, *_end_of(exception))

    def leave(self) -> None:
        """Run when a worker ends, in its thread, as an on_shutdown hook."""
        self._settle("the worker ended during the run")
        self._send_unsent()

    def _run_of(self, fire_id: str) -> _Run | None:
        """What this thread has in hand, if it is this."""
        run: _Run | None = getattr(self._local, "run", None)
        return run if run is not None and run.id == fire_id else None

    def _settle(self, why: str) -> None:
        """This thread goes on to other things: a run without an end will get none."""
        run: _Run | None = getattr(self._local, "run", None)
        if run is not None and not run.ended:
            self._put(run.id, *(run.end or ("lost", why)))
        self._local.run = None

    def _refused(self, data: bytes, error: Exception) -> None:
        try:
            fire_id = self._huey.serializer.deserialize(data).id
        except Exception:
            return  # Nobody can tell whose it was.
        if is_fire(fire_id):
            self._put(fire_id, "failed", _text_of(error))

    def _put(self, fire_id: str, state: str, error: str) -> None:
        run = self._run_of(fire_id)
        began_s = run.began_s if run is not None else 0.0
        mark = Mark(state, time.time(), self._worker, error[:ERROR_CHARS_MAX], began_s)
        try:
            self._marks.put(fire_id, mark)
            self._unsent.pop(fire_id, None)
        except Exception as failure:
            log.warning("cannot mark %s as %s yet: %s", fire_id, state, failure)
            if len(self._unsent) < UNSENT_MAX:
                self._unsent[fire_id] = mark

    def _send_unsent(self) -> None:
        for fire_id, mark in list(self._unsent.items()):
            try:
                self._marks.put_late(fire_id, mark)
            except Exception:
                return
            if self._unsent.get(fire_id) is mark:
                del self._unsent[fire_id]

    def _enter_process(self) -> None:
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._unsent = {}
            self._worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
            self._say_hello()
            threading.Thread(target=self._beat, name="z4j-beat", daemon=True).start()
            self._pid = os.getpid()

    def _say_hello(self) -> None:
        try:
            self._marks.beat(self._worker, f"0 {time.time()}")
            self._marks.put_tasks(sorted(self._huey._registry._registry))
        except Exception as error:
            log.warning("cannot say hello yet: %s", error)

    def _beat(self) -> None:
        count = 0
        while True:
            time.sleep(self._beat_s)
            count += 1
            try:
                self._marks.beat(self._worker, f"{count} {time.time()}")
                self._send_unsent()
            except Exception as error:
                log.warning("cannot say that this process lives: %s", error)


def _watched(execute: Callable[[], Any], run: _Run) -> Callable[[], Any]:
    """Note what comes of the task: Huey may fail afterwards, with a broker that is down or a
    result that cannot be stored, and then tells nobody."""

    def watched() -> Any:
        try:
            value = execute()
        except BaseException as error:
            run.end = _end_of(error)
            raise
        run.end = _end_of(None)
        return value

    return watched


def _end_of(error: BaseException | None) -> tuple[str, str]:
    if error is None:
        return "succeeded", ""
    if isinstance(error, CancelExecution):
        return "cancelled", str(error)
    return "failed", _text_of(error)


def _text_of(error: BaseException) -> str:
    return f"{type(error).__name__}({error})"
