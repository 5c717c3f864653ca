"""The components of the pipelines: one file per stage, each a thin wrapper over `posterity.stages`."""
