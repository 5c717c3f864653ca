"""Requests per second, latency and memory of the results server, against its peers."""
