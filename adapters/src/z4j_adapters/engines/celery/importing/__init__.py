"""Reads what Celery beat, django-celery-beat and RedBeat schedule."""
