"""Schedules of RQ and of rq-scheduler."""
