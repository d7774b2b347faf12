"""Exporting: schedules of the scheduler as another scheduler's own definitions."""
