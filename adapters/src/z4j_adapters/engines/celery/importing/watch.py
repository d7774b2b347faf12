"""Watches what beat sends, by Celery's own events."""

from __future__ import annotations

import argparse
import ast
import queue
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Note, Source, SourceError
from z4j_adapters.transfer.values import redact
from z4j_adapters.transfer.watcher import Lost, Seen, Sight, Watcher

if TYPE_CHECKING:
    from z4j_adapters.engines.celery.observe import EventWatch

__all__ = ["CeleryWatcher"]

CONNECT_S = 15.0
IDS_KEPT = 100_000  # A task is told of when it is sent, and again when a worker has it.

HELP = """\
Watch the tasks of a Celery app by its events: no message is touched.

examples:
  z4j-adapter watch --from celery --celery-app proj.celery:app
  z4j-adapter watch --from redbeat --broker-url redis://localhost:6379/0

what has to be turned on, one of these:
  workers with -E (or worker_send_task_events = True): each task is seen when a worker has it.
      Workers that run already are told so by `celery -A proj control enable_events`, which lasts
      until they restart.
  task_send_sent_event = True, in the settings that beat runs with: each task is seen when beat
      sends it, also where all workers are busy.  This is the more exact one.
If nothing is turned on, and a worker is seen to work, a warning says so.

what is compared: the task's name, and its arguments where Celery shows all of them.  Calls by other
tasks, and retries, are left out; calls of your own code look like beat's."""


class CeleryWatcher(Watcher):
    """Listens to events."""

    summary = "the tasks of a Celery app"
    help = HELP
    packages = {"celery": "celery", "redis": "redis"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add the app, or where the broker is."""
        parser.option("celery-app", metavar="APP", help="the app, as in `celery -A`")
        parser.option("workdir", type=Path, help="folder to import the app from (default: here)")
        parser.option("broker-url", metavar="URL", help="the broker (default: the app's)")

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._processed: dict[str, int] = {}
        self._heard_tasks = False
        self._warned = False

    def open(self) -> Source:
        """Subscribe to the events."""
        from z4j_adapters.engines.celery.importing.apps import libraries
        from z4j_adapters.engines.celery.observe import EventWatch

        app = self._app()
        news = self._news

        class Heard(EventWatch):
            """Hands over every event as it is."""

            def _on_events(self, events: list[Any]) -> None:
                for event in events:
                    news.put(event)

        url = str(app.conf.broker_read_url or app.conf.broker_url)
        self._watch: EventWatch = Heard(app, lambda _: None, {})
        self._watch.start()
        deadline = time.monotonic() + CONNECT_S
        while self._watch.connected_at is None:
            if time.monotonic() > deadline:
                raise SourceError(
                    "NO_SOURCE",
                    f"{redact(url)}: no connection within {CONNECT_S:.0f} s",
                    "name the broker that Celery uses: --broker-url",
                )
            time.sleep(0.01)
        self._connected_at = self._watch.connected_at
        self._last_good_us = _now_us()
        return Source("celery", libraries()["celery"], redact(url))

    def look(self, wait_s: float) -> Iterator[Sight]:
        """Events since the last look."""
        yield from self._lost()
        deadline = time.monotonic() + wait_s
        while True:
            try:
                event = self._news.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return
            try:
                yield from self._read(event)
            except (KeyError, TypeError, ValueError):
                continue  # Anyone may publish there; what is no event is not ours.

    def close(self) -> Iterator[Sight]:
        """Unsubscribe; warn if nothing was heard at all."""
        self._watch.stop()
        self._watch.join(5.0)
        if not self._heard_tasks and not self._warned:
            yield Note(
                "NO_EVENTS",
                "no event of any task was heard; unless none was sent, turn events on: workers "
                "with -E, or task_send_sent_event in the settings of beat",
            )

    def _app(self) -> Any:
        from celery import Celery

        from z4j_adapters.engines.celery.importing.apps import load_app

        options = self.options
        if options.celery_app:
            app = load_app(options.celery_app, options.workdir)
        elif options.broker_url:
            app = Celery("z4j-watch", set_as_current=False)
        else:
            raise SourceError(
                "WRONG_USAGE",
                "to watch Celery, --celery-app or --broker-url is needed",
                "--broker-url redis://localhost:6379/0",
            )
        if options.broker_url:
            app.conf.broker_url = app.conf.broker_read_url = options.broker_url
        return app

    def _lost(self) -> Iterator[Lost]:
        """The span of a connection that was lost, once there is a new one."""
        connected_at = self._watch.connected_at
        if connected_at is None:
            return
        if connected_at != self._connected_at:
            self._connected_at = connected_at
            yield Lost(self._last_good_us, _now_us())
        self._last_good_us = _now_us()

    def _read(self, event: dict[str, Any]) -> Iterator[Sight]:
        kind = str(event["type"])
        if kind == "worker-heartbeat":
            yield from self._heartbeat(str(event["hostname"]), int(event.get("processed") or 0))
        elif kind in ("task-sent", "task-received"):
            self._heard_tasks = True
            task_id = str(event["uuid"])
            # Those that other tasks call, and retries, are not beat's.
            if task_id in self._ids or event.get("retries") or event.get("parent_id"):
                return
            self._ids[task_id] = None
            if len(self._ids) > IDS_KEPT:
                self._ids.popitem(last=False)
            yield Seen(
                str(event["name"]),
                int(float(event["timestamp"]) * 1e6),
                task_id,
                _literal(event.get("args"), list),
                _literal(event.get("kwargs"), dict),
            )

    def _heartbeat(self, worker: str, processed: int) -> Iterator[Note]:
        """A worker that works and tells of no task has events off."""
        before = self._processed.setdefault(worker, processed)
        if processed > before and not self._heard_tasks and not self._warned:
            self._warned = True
            yield Note(
                "NO_EVENTS",
                f"{worker} runs tasks and sends no events of them: start workers with -E, or turn "
                "events on with `celery control enable_events`; until then nothing is seen",
            )


def _literal(text: Any, kind: type) -> Any:
    """The value that Celery wrote for people to see; None if that is not all of it."""
    if not isinstance(text, str) or "..." in text:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    value = list(value) if isinstance(value, tuple) else value
    return value if isinstance(value, kind) else None


def _now_us() -> int:
    return time.time_ns() // 1000
