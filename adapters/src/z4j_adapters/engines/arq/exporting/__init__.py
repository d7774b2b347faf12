"""Exporting: schedules as cron jobs of arq."""
