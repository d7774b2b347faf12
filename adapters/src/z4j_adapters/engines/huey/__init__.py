"""The Huey engine: publishing, outcomes, control; `signals` is the part for the user's app."""
