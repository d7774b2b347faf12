"""arq: writes jobs as `enqueue_job` does, all of a batch in one script; reads arq's own keys."""
