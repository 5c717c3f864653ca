"""MinIO, or any other S3 endpoint, as an object store.

Objects are written with conditional requests, `If-None-Match: *` and `If-Match: <ETag>`, which the server decides
atomically. `Minio.put_object` has no argument for them, so requests go to URLs that the client has presigned; that
also gives all of them one policy for retries, broken connections in the middle of an answer included.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError

from posterity.errors import ConflictError, NotFoundError, PosterityError, SettingsError, UnavailableError
from posterity.store.files import new_file
from posterity.store.objects import check_key, check_prefix

PIECE = 16 << 20  # bytes of a file fetched by one request
# Seven tries in half a minute: a pod of the store that is made again is back by then.
RETRY = urllib3.Retry(
    total=7,
    backoff_factor=0.5,
    backoff_max=10,
    backoff_jitter=0.5,
    status_forcelist=(409, 429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)
HASTY = RETRY.new(total=1)
TIMEOUT = urllib3.Timeout(connect=5, read=60)
REFUSED_HEAD = {401: "AccessDenied", 403: "AccessDenied"}  # the answer to HEAD has no code
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket")
FULL = ("XMinioAdminBucketQuotaExceeded", "XMinioStorageFull")


class S3Store:
    """Objects of up to 5 GiB in `bucket`, below `prefix`. Version tags of pointers are ETags."""

    def __init__(self, client: Minio, http: urllib3.PoolManager, bucket: str, prefix: str = "") -> None:
        self.client = client
        self.http = http
        self.bucket = bucket
        self.base = f"{prefix}/" if prefix else ""
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")

    @classmethod
    def from_environment(cls, bucket: str, prefix: str = "", retry: urllib3.Retry = RETRY) -> "S3Store":
        """The store at AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL (default: Amazon).

        Credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where there is one, AWS_SESSION_TOKEN; the region
        is AWS_REGION or AWS_DEFAULT_REGION. Raises SettingsError naming what is missing.
        """
        env = os.environ
        endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or "https://s3.amazonaws.com"
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise SettingsError(f"AWS_ENDPOINT_URL={endpoint!r} is no endpoint; write http://host:port")
        if missing := [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not env.get(name)]:
            raise SettingsError(f"s3://{bucket} needs credentials; set {' and '.join(missing)}")
        authority = env.get("SSL_CERT_FILE") or certifi.where()
        http = urllib3.PoolManager(retries=retry, timeout=TIMEOUT, maxsize=10, ca_certs=authority)
        client = Minio(
            parts.netloc,
            access_key=env["AWS_ACCESS_KEY_ID"],
            secret_key=env["AWS_SECRET_ACCESS_KEY"],
            session_token=env.get("AWS_SESSION_TOKEN"),
            secure=parts.scheme == "https",
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
            http_client=http,
        )
        return cls(client, http, bucket, prefix)

    def put(self, key: str, data: bytes) -> bool:
        return self._put(key, data)

    def put_file(self, key: str, path: Path) -> bool:
        if not path.is_file():
            raise NotFoundError(f"{path} does not exist, so it cannot be stored")
        with path.open("rb") as file:
            return self._put(key, file)

    def get(self, key: str) -> bytes:
        return self._found(key, self._send("GET", key)).data

    def get_file(self, key: str, path: Path) -> None:
        head = self._found(key, self._send("HEAD", key))
        size, etag = int(head.headers["Content-Length"]), head.headers["ETag"]
        with new_file(path) as file:
            for start in range(0, size, PIECE):
                headers = {"Range": f"bytes={start}-{start + PIECE - 1}", "If-Match": etag}
                file.write(self._found(key, self._send("GET", key, headers=headers)).data)

    def size(self, key: str) -> int | None:
        answer = self._send("HEAD", key)
        return None if answer.status == 404 else int(answer.headers["Content-Length"])

    def list(self, prefix: str) -> Iterator[str]:
        with self._guarded(prefix):
            for item in self.client.list_objects(self.bucket, self.base + check_prefix(prefix), recursive=True):
                yield str(item.object_name).removeprefix(self.base)

    def delete(self, key: str) -> None:
        self._send("DELETE", key)

    def erase(self, key: str) -> None:
        name = self.base + check_key(key)
        with self._guarded(key):
            there = self.client.list_objects(self.bucket, name, include_version=True)
            versions = [DeleteObject(name, item.version_id) for item in there if item.object_name == name]
            for error in self.client.remove_objects(self.bucket, versions, bypass_governance_mode=True):
                raise self._refusal(key, str(error.code))

    def read(self, key: str) -> tuple[bytes, str] | None:
        answer = self._send("GET", key)
        return None if answer.status == 404 else (answer.data, answer.headers["ETag"])

    def replace(self, key: str, data: bytes, expected: str | None) -> str:
        condition = {"If-None-Match": "*"} if expected is None else {"If-Match": expected}
        answer = self._write(key, data, condition)
        if answer.status == 200:
            return answer.headers["ETag"]
        current = self.read(key) if _repeated(answer) else None
        if current and current[0] == data:
            return current[1]
        raise ConflictError(f"{self.url}/{key} was changed by somebody else; read it again and repeat")

    def overwrite(self, key: str, data: bytes) -> None:
        self._write(key, data, {})

    def _put(self, key: str, content: bytes | BufferedReader) -> bool:
        answer = self._write(key, content, {"If-None-Match": "*"})
        if answer.status == 412 and _repeated(answer):
            return self._send("HEAD", key).headers.get("ETag") == f'"{_md5(content)[0].hex()}"'
        return answer.status == 200

    def _write(
        self, key: str, content: bytes | BufferedReader, condition: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """PUT; the answer has status 200, or 404 or 412 where the condition did not hold."""
        checksum, size = _md5(content)
        headers = {"Content-MD5": base64.b64encode(checksum).decode(), "Content-Length": str(size), **condition}
        return self._send("PUT", key, content, headers)

    def _send(
        self,
        method: str,
        key: str,
        body: bytes | BufferedReader | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """One request, repeated while the store is away. Only what the caller can handle comes back: 2xx, 404, 412."""
        url = self.client.get_presigned_url(method, self.bucket, self.base + check_key(key))
        try:
            answer = self.http.request(method, url, body=body, headers=headers)
        except HTTPError as error:
            raise self._away(error) from error
        code = _code(answer)
        if answer.status < 300 or answer.status == 412 or (answer.status == 404 and code != "NoSuchBucket"):
            return answer
        raise self._refusal(key, code or REFUSED_HEAD.get(answer.status, f"HTTP status {answer.status}"))

    @contextmanager
    def _guarded(self, key: str) -> Iterator[None]:
        """Errors of the client's own calls as errors of the store."""
        try:
            yield
        except S3Error as error:
            raise self._refusal(key, str(error.code)) from error
        except (HTTPError, InvalidResponseError, ServerError) as error:
            raise self._away(error) from error

    def _found(self, key: str, answer: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
        if answer.status == 404:
            raise NotFoundError(f"{self.url}/{key} is not in the store")
        if answer.status == 412:
            raise ConflictError(f"{self.url}/{key} was changed while it was read; read it again")
        return answer

    def _refusal(self, key: str, code: str) -> PosterityError:
        if code in REFUSED:
            return SettingsError(f"{self.url}/{key}: {code}; check bucket, credentials and their policy")
        if code in FULL:
            return UnavailableError(
                f"{self.url} is full ({code}), {key} was not written; raise its quota or add disk space, then repeat"
            )
        return UnavailableError(f"{self.url}/{key}: the store answers {code}; look at its log and free space")

    def _away(self, error: Exception) -> UnavailableError:
        reason = getattr(error, "reason", None) or error
        return UnavailableError(f"{self.url} cannot be reached ({reason}); check AWS_ENDPOINT_URL and the network")


def _repeated(answer: urllib3.BaseHTTPResponse) -> bool:
    """Whether the request was sent more than once, so that an earlier try may have fulfilled it unheard."""
    return bool(answer.retries and answer.retries.history)


def _code(answer: urllib3.BaseHTTPResponse) -> str:
    """The error code in the XML of an S3 error."""
    found = re.search(rb"<Code>(\w+)</Code>", answer.data) if answer.status >= 300 else None
    return found[1].decode() if found else ""


def _md5(content: bytes | BufferedReader) -> tuple[bytes, int]:
    """The MD5 with which the server checks what has arrived, and the size."""
    if isinstance(content, bytes):
        return hashlib.md5(content, usedforsecurity=False).digest(), len(content)
    content.seek(0)
    checksum = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).digest()
    size = content.tell()
    content.seek(0)
    return checksum, size
