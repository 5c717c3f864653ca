"""Runs at Kubeflow Pipelines: started there, followed through the store and the pods, read back when they are over."""
