"""A module with a Celery app, as a test writes it, for the real reader."""

from __future__ import annotations

from pathlib import Path

# What every such module begins with.
HEAD = """
from celery import Celery
from celery.schedules import crontab

app = Celery("shop", broker="memory://")
app.conf.update(timezone="Europe/Berlin", result_expires=None)


def entry(minute, hour, **more):
    return {"task": "shop.task", "schedule": crontab(minute=minute, hour=hour), **more}


"""


class CeleryProject:
    """`shop.py` in a folder of its own."""

    flags = ("--from", "celery", "--celery-app", "shop:app")

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.text = ""

    def write(self) -> None:
        """Makes what was set hold; Python must not take it for what it compiled before."""
        self.path.mkdir(exist_ok=True)
        (self.path / "shop.py").write_text(HEAD + self.text)
