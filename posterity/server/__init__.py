"""The results server: data products over HTTP, and predictions of new keys from the posterior's draws.

It reads the store alone. Imports here are light; nothing below needs PyMC, JAX, kfp or a picture library.
"""
