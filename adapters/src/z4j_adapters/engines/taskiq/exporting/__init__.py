"""Exporting: schedules as those of TaskIQ."""
