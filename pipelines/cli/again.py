"""Do again what a version did: the same code and settings on other data, or everything to the same digests."""
