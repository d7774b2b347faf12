"""The targets of exports, by their name in --to."""

from __future__ import annotations

import importlib

from z4j_adapters.transfer.exporting.model import Exporter

__all__ = ["TARGETS", "exporter_of"]

_CELERY = "z4j_adapters.engines.celery.exporting"

# Name → module, class.  The modules load without the libraries that they write for.
TARGETS: dict[str, tuple[str, str]] = {
    "rq": ("z4j_adapters.engines.rq.exporting.cron_config", "RqExporter"),
    "rq-scheduler": ("z4j_adapters.engines.rq.exporting.repeated", "RqSchedulerExporter"),
    "apscheduler": (
        "z4j_adapters.transfer.apscheduler.exporting.exporter",
        "ApschedulerExporter",
    ),
    "celery": (f"{_CELERY}.static", "CeleryExporter"),
    "django-celery-beat": (f"{_CELERY}.dcb", "DjangoCeleryBeatExporter"),
    "redbeat": (f"{_CELERY}.redbeat", "RedBeatExporter"),
    "cron": ("z4j_adapters.transfer.cron.exporter", "CronExporter"),
}


def exporter_of(name: str) -> type[Exporter]:
    """The exporter of `name`, which is one of TARGETS."""
    module, attribute = TARGETS[name]
    exporter: type[Exporter] = getattr(importlib.import_module(module), attribute)
    return exporter
