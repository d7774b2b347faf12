"""The settings of an arq worker with a cron job; the worker that runs has arq_app's."""

from __future__ import annotations

from datetime import timezone

import arq_app
from arq import cron


class WorkerSettings:
    """Each second."""

    functions = arq_app.WorkerSettings.functions
    cron_jobs = (cron(arq_app.echo, name="journey", second=set(range(60))),)
    timezone = timezone.utc
