"""A shop whose periodic tasks Celery beat sends; nothing in it knows the scheduler."""
