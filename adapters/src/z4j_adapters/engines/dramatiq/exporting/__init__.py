"""Exporting: schedules as those of periodiq and dramatiq-crontab."""
