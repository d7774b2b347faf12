"""Exporting: schedules as periodic tasks of Huey."""
