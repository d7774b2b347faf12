"""RQ: jobs in Redis for unmodified RQ workers."""
