"""Imports schedules of TaskIQ: labels of tasks, and those stored in Redis."""
