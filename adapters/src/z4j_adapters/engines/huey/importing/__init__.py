"""Imports the periodic tasks of a Huey instance."""
