"""The components of the staging and production pipelines, and what they share: how servers are rolled out."""
