"""Projects that use another scheduler, for imports from end to end."""
