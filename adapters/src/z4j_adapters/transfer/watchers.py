"""The watchers, by name, and which of them goes with which source."""

from __future__ import annotations

import importlib

from z4j_adapters.transfer.watcher import Watcher

__all__ = ["NATURAL", "NO_WATCHER", "WATCHERS", "watcher_of"]

# Name → module, class.  The modules load without the libraries that they watch with.
WATCHERS: dict[str, tuple[str, str]] = {
    "celery": ("z4j_adapters.engines.celery.importing.watch", "CeleryWatcher"),
    "rq": ("z4j_adapters.engines.rq.importing.watch", "RqWatcher"),
    "huey": ("z4j_adapters.engines.huey.importing.watch", "HueyWatcher"),
    "arq": ("z4j_adapters.engines.arq.importing.watch", "ArqWatcher"),
    "taskiq": ("z4j_adapters.engines.taskiq.importing.watch", "TaskiqWatcher"),
    "dramatiq": ("z4j_adapters.engines.dramatiq.importing.watch", "DramatiqWatcher"),
}

# Source → the watcher of the engine that it sends to.
NATURAL: dict[str, str] = {
    "celery": "celery",
    "django-celery-beat": "celery",
    "redbeat": "celery",
    "rq": "rq",
    "rq-scheduler": "rq",
    "huey": "huey",
    "arq": "arq",
    "taskiq": "taskiq",
    "dramatiq": "dramatiq",
}

# Sources whose jobs no watcher sees by itself, and why.
NO_WATCHER: dict[str, str] = {
    "apscheduler": "its jobs run inside its own process",
    "cron": "what cron starts is seen in the system's log alone",
}


def watcher_of(name: str) -> type[Watcher]:
    """The watcher of `name`, which is one of WATCHERS."""
    module, attribute = WATCHERS[name]
    watcher: type[Watcher] = getattr(importlib.import_module(module), attribute)
    return watcher
