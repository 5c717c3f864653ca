"""The graphs, their compiled YAML, the local run, and the command `posterity`."""
