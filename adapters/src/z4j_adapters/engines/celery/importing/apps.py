"""The user's Celery app, complete as beat would have it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from datetime import tzinfo
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from celery import __version__ as celery_version
from celery.app.utils import find_app

from z4j_adapters.transfer.isolate import foreign
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.zones import fixed_zone_name, zone_of

__all__ = ["celery_numbers", "libraries", "load_app", "serializer_of", "zone_of_app"]


def load_app(name: str, workdir: Path | None) -> Any:
    """Import the app, its task modules and its periodic tasks.

    Raises:
        SourceError: It cannot be.
    """
    folder = workdir or Path.cwd()

    def load() -> Any:
        sys.path.insert(0, str(folder))
        app = find_app(name)
        app.loader.import_default_modules()
        app.finalize()
        app.conf.beat_schedule  # noqa: B018  # Reading a setting runs on_after_configure's handlers.
        return app

    return foreign(
        f"--celery-app {name}, imported from {folder}",
        load,
        remedy="give module:attribute as in `celery -A`, and --workdir if it is not found from "
        "here; the environment needs what the app needs",
    )


def zone_of_app(app: Any, options: argparse.Namespace) -> tuple[tzinfo | None, str]:
    """The zone in which the app's schedules are evaluated, and its name.

    None if it is the host's and --timezone does not name it.
    """
    if not app.conf.timezone and not app.conf.enable_utc:  # Whatever host beat runs on.
        if options.timezone is None:
            return None, ""
        return zone_of(options.timezone), options.timezone
    name = _zone_name(app.timezone)
    if options.timezone not in (None, name):
        raise SourceError(
            "WRONG_USAGE",
            f"the app's own timezone is {name}: --timezone {options.timezone} contradicts it",
            "leave --timezone out",
        )
    return zone_of(name), name


def _zone_name(zone: Any) -> str:
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name is None:
        try:
            name = fixed_zone_name(zone.utcoffset(None))
        except Exception:
            raise SourceError(
                "R4_UNKNOWN_ZONE",
                f"the app's timezone {zone!r} has no name",
                "set `timezone` to a name such as Europe/Berlin",
            ) from None
    return str(name)


def serializer_of(app: Any, task: Any) -> str:
    """What messages of the task are serialized with, if its schedule does not say it."""
    registered = app.tasks.get(task) if isinstance(task, str) else None
    return str(getattr(registered, "serializer", None) or app.conf.task_serializer)


def celery_numbers() -> tuple[int, ...]:
    """Celery's version, for comparisons."""
    return tuple(int(n) for n in re.findall(r"\d+", celery_version)[:3])


def libraries(*names: str) -> dict[str, str]:
    """Versions of Python, Celery and the named packages, as far as they are installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "celery": celery_version}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if os.environ.get("PYTHONTZPATH"):
        found["PYTHONTZPATH"] = os.environ["PYTHONTZPATH"]
    return found
