"""Schedules as jobs of APScheduler."""
