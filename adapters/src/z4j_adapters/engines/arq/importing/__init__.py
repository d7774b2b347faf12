"""Imports the cron jobs of arq's workers."""
