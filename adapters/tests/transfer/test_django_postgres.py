"""django-celery-beat in a real PostgreSQL, read by URL."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("django_celery_beat")
pytest.importorskip("psycopg")

ROOT = Path(__file__).resolve().parents[3]
PROJECT = """
    import json, os, sys
    from urllib.parse import urlencode

    import django
    from django.conf import settings
    from django.core.management import call_command
    from psycopg.conninfo import conninfo_to_dict

    where = conninfo_to_dict(os.environ["Z4J_TEST_POSTGRES"])
    name = where.get("dbname", "postgres")
    settings.configure(
        INSTALLED_APPS=["django_celery_beat"],
        DATABASES={"default": {
            "ENGINE": "django.db.backends.postgresql", "NAME": name, "USER": where.get("user", ""),
            "HOST": where.get("host", ""), "PORT": where.get("port", ""),
        }},
        USE_TZ=True,
        TIME_ZONE="Asia/Tokyo",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    call_command("migrate", verbosity=0)

    from datetime import datetime, timezone
    from django.db import connection
    from django_celery_beat import models

    last = datetime(2026, 3, 1, 11, 30, tzinfo=timezone.utc)
    hourly = models.IntervalSchedule.objects.create(every=1, period="hours")
    daily = models.CrontabSchedule.objects.create(minute="0", hour="9", timezone="Europe/Rome")
    models.PeriodicTask.objects.create(name="hourly", task="t", interval=hourly, last_run_at=last)
    models.PeriodicTask.objects.create(name="daily", task="t", crontab=daily, one_off=True)
    rest = urlencode({k: v for k, v in where.items() if k != "dbname"})

    def rows():
        with connection.cursor() as cursor:
            cursor.execute("SELECT xmin::text, ctid::text FROM django_celery_beat_periodictask")
            return cursor.fetchall()

    from z4j_adapters import cli

    before = rows()
    arguments = ["import", "--from", "django-celery-beat", "--at", "2026-03-01T12:00:00Z"]
    code = cli.main([*arguments, "--database-url", f"postgresql:///{name}?{rest}"])
    assert rows() == before
    sys.exit(code)
"""


def test_rows_of_postgresql_are_read_and_stay_as_they_are() -> None:
    done = subprocess.run(
        [ROOT / "tools" / "with-postgres", sys.executable, "-c", textwrap.dedent(PROJECT)],
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": str(ROOT / "adapters/src")},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
    lines = {
        line["source"]["key"]: line
        for line in map(json.loads, done.stdout.splitlines())
        if line["type"] == "schedule"
    }
    daily, hourly = lines["daily"]["schedule"], lines["hourly"]["schedule"]
    assert hourly["spec"]["interval"]["anchorTime"] == "2026-03-01T11:30:00Z"
    assert lines["daily"]["becomes"] == "cron 0 9 * * *" and daily["maxFires"] == 1
    assert daily["timeZone"] == "Europe/Rome"
