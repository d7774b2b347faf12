"""Imports schedules of Dramatiq's actors: periodiq and dramatiq-crontab."""
