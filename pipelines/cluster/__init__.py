"""Posterity on a cluster: credentials, and what `manifests/` declares. The Makefile is the interface."""
