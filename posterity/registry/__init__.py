"""Registered versions, the aliases that point at them, and their mirror in MLflow."""
