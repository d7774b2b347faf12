"""Dramatiq: publishes with Dramatiq's own messages and encoder; reads its queues for outcomes."""
