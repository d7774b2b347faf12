"""One folder an engine; only its `command` module works without the engine's library."""
