"""Exporting to Celery's schedulers."""
