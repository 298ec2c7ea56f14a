"""The command line: read a file, serve the API, list the formats."""
