"""The one Django project that a process can have, whichever of its tests asks first."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

import django
from django.conf import settings


def set_up() -> Path:
    """Configure Django, once; returns the path of the SQLite database, which may be empty."""
    if not settings.configured:
        folder = tempfile.mkdtemp(prefix="django-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        name = str(Path(folder) / "db.sqlite3")
        settings.configure(
            INSTALLED_APPS=["django_celery_beat"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}},
            USE_TZ=True,
            TIME_ZONE="UTC",
            DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        )
        django.setup()
    return Path(settings.DATABASES["default"]["NAME"])
