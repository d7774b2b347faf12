"""Loads a fixture (standard input) into a new SQLite file, with Django's own loaddata.

It is a process of its own: a process has one Django, and the exporting one may have the user's.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(database: str) -> None:
    """Make the file `database`, with the tables of django-celery-beat, and load."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        INSTALLED_APPS=["django_celery_beat"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        MIGRATION_MODULES={"django_celery_beat": None},  # Its tables as they are now.
        USE_TZ=True,
        TIME_ZONE="UTC",
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("loaddata", "-", format="json", verbosity=0)


if __name__ == "__main__":
    main(sys.argv[1])
