"""Reads the schedules of other schedulers, read-only, and says what they become here."""
