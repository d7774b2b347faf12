"""The sources that can be imported, by their name in --from."""

from __future__ import annotations

import importlib

from z4j_adapters.transfer.model import Importer

__all__ = ["SOURCES", "importer_of"]

_CELERY = "z4j_adapters.engines.celery.importing"

# Name → module, class.  The modules load without the libraries that they read with.
SOURCES: dict[str, tuple[str, str]] = {
    "celery": (f"{_CELERY}.static", "CeleryImporter"),
    "django-celery-beat": (f"{_CELERY}.dcb", "DjangoCeleryBeatImporter"),
    "redbeat": (f"{_CELERY}.redbeat", "RedBeatImporter"),
    "rq": ("z4j_adapters.engines.rq.importing.native", "RqImporter"),
    "rq-scheduler": ("z4j_adapters.engines.rq.importing.repeated", "RqSchedulerImporter"),
    "apscheduler": ("z4j_adapters.transfer.apscheduler.importing", "ApschedulerImporter"),
    "huey": ("z4j_adapters.engines.huey.importing.importer", "HueyImporter"),
    "arq": ("z4j_adapters.engines.arq.importing.importer", "ArqImporter"),
    "taskiq": ("z4j_adapters.engines.taskiq.importing.importer", "TaskiqImporter"),
    "dramatiq": ("z4j_adapters.engines.dramatiq.importing.importer", "DramatiqImporter"),
    "cron": ("z4j_adapters.transfer.cron.importer", "CronImporter"),
}


def importer_of(name: str) -> type[Importer]:
    """The importer of `name`, which is one of SOURCES."""
    module, attribute = SOURCES[name]
    importer: type[Importer] = getattr(importlib.import_module(module), attribute)
    return importer
