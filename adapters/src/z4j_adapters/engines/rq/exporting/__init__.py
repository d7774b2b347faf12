"""Schedules as those of RQ and of rq-scheduler."""
