"""One folder per engine; nothing outside a folder knows its engine's name but the command line."""
