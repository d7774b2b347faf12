"""An engine of two files, as docs/adding-an-engine.md says; its queue is a folder."""
