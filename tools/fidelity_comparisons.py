"""The random tests of importers and exporters, by what `./dev fidelity` calls them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One random test; it tallies under `name`."""

    name: str
    test: str
    environment: str = "venv"
    fires: int = 1000


SOURCES: dict[str, tuple[Comparison, ...]] = {
    "celery": (Comparison("celery", "transfer/test_celery_random.py::test_due_times_are_celerys"),),
    "django-celery-beat": (
        Comparison(
            "django-celery-beat",
            "transfer/test_django_celery_beat.py::test_due_times_are_those_of_its_own_scheduler",
        ),
    ),
    "redbeat": (
        Comparison(
            "redbeat",
            "transfer/test_redbeat.py::test_due_times_are_those_of_redbeats_own_rrule",
        ),
    ),
    "rq": (
        Comparison(
            "rq",
            "transfer/test_rq_expressions.py::test_random_expressions_have_croniters_instants",
        ),
        Comparison(
            "rq-host",
            "transfer/test_rq_host_clock.py"
            "::test_random_crons_in_the_zone_of_a_host_have_rqs_own_times",
        ),
    ),
    "rq-scheduler": (
        Comparison(
            "rq-scheduler",
            "transfer/test_rq_scheduler_importing.py"
            "::test_random_crontabs_have_the_librarys_instants",
            "venv-arq",
            fires=250,  # Its own search is slow.
        ),
    ),
    "apscheduler": (
        Comparison(
            "apscheduler-3",
            "transfer/test_apscheduler3_random.py::test_random_triggers_have_the_librarys_instants",
        ),
        Comparison(
            "apscheduler-4",
            "transfer/test_apscheduler4.py::test_random_triggers_have_the_librarys_instants",
            "venv-arq",
        ),
    ),
    "huey": (
        Comparison(
            "huey", "engines/test_huey_import.py::test_every_crontab_fires_when_huey_says_so"
        ),
    ),
    "arq": (
        Comparison(
            "arq",
            "engines/test_arq_import.py::test_every_cron_job_fires_when_arq_says_so",
            "venv-arq",
            fires=150,  # Of which the test takes a fifth: arq tries second after second.
        ),
    ),
    "taskiq": (
        Comparison(
            "taskiq", "engines/test_taskiq_import.py::test_every_entry_fires_when_taskiq_says_so"
        ),
    ),
    "dramatiq": (
        Comparison(
            "periodiq",
            "engines/test_dramatiq_import.py::test_every_periodic_actor_runs_when_periodiq_says_so",
        ),
        Comparison(
            "dramatiq-crontab",
            "engines/test_dramatiq_import.py"
            "::test_every_job_of_dramatiq_crontab_runs_when_apscheduler_says_so",
        ),
    ),
    "cron": (
        Comparison(
            "cron",
            "transfer/test_cron_random.py::test_every_line_runs_when_debians_cron_runs_it",
        ),
    ),
}


_OF_RQ = "::test_random_schedules_fire_there_as_here_or_are_refused"
_OF_DRAMATIQ = "engines/test_dramatiq_export.py::test_what_is_exported_is_sent_when_it_is_due"
TARGETS: dict[str, tuple[Comparison, ...]] = {
    "celery": (
        Comparison(
            "to-celery", "transfer/test_celery_exporting.py::test_what_is_exported_is_celerys"
        ),
    ),
    "django-celery-beat": (
        Comparison(
            "to-django-celery-beat",
            "transfer/test_dcb_exporting.py::test_what_is_exported_is_django_celery_beats",
        ),
    ),
    "redbeat": (
        Comparison(
            "to-redbeat", "transfer/test_redbeat_exporting.py::test_what_is_exported_is_redbeats"
        ),
    ),
    "rq": (
        Comparison("to-rq", f"transfer/test_exports_to_rq.py{_OF_RQ}"),
        Comparison("to-rq", f"transfer/test_exports_to_rq.py{_OF_RQ}", "venv-arq"),
    ),
    "rq-scheduler": (
        Comparison(
            "to-rq-scheduler", f"transfer/test_exports_to_rq_scheduler.py{_OF_RQ}", "venv-arq"
        ),
    ),
    "apscheduler": (
        Comparison("to-apscheduler", f"transfer/test_exports_to_apscheduler.py{_OF_RQ}"),
        Comparison(
            "to-apscheduler", f"transfer/test_exports_to_apscheduler.py{_OF_RQ}", "venv-arq"
        ),
    ),
    "huey": (Comparison("to-huey", "engines/test_huey_export.py::test_what_is_exported_is_hueys"),),
    "arq": (
        Comparison(
            "to-arq", "engines/test_arq_export.py::test_what_is_exported_is_arqs", "venv-arq"
        ),
    ),
    "taskiq": (
        Comparison("to-taskiq", "engines/test_taskiq_export.py::test_what_is_exported_is_taskiqs"),
    ),
    "dramatiq": (
        Comparison("to-periodiq", f"{_OF_DRAMATIQ}[periodiq]"),
        Comparison("to-dramatiq-crontab", f"{_OF_DRAMATIQ}[dramatiq-crontab]"),
    ),
    "cron": (
        Comparison(
            "to-cron",
            "transfer/test_cron_exporting.py"
            "::test_debians_cron_runs_each_line_when_the_schedule_fires_and_once",
        ),
    ),
}
