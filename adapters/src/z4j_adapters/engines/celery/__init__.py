"""Celery: publishes with Celery's own routes, serializer and protocol; watches its workers."""
