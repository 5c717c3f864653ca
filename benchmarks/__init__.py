"""Benchmarks: each package is one command, `python -m benchmarks.NAME`, that prints a table."""
