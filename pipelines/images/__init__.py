"""The container images: what goes into them, the tag that names them, and building, measuring and loading them."""
