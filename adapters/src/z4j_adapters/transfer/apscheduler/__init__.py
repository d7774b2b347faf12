"""APScheduler's job stores, read raw: its own code would move and delete jobs."""
