"""One S3-shaped object store: a directory on a laptop, MinIO or any S3 endpoint elsewhere."""

from posterity.store.digest import digest_bytes, digest_file, digest_json
from posterity.store.objects import ObjectStore, open_store
from posterity.store.reference import Reference

__all__ = ["ObjectStore", "Reference", "digest_bytes", "digest_file", "digest_json", "open_store"]
