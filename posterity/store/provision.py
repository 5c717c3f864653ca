"""Set up a MinIO server: buckets with their retention, users and what each may do. Repeating it changes nothing.

    python -m posterity.store.provision FOLDER USERS

FOLDER holds `store.json`, which declares buckets and users, and `<policy>.json` for every policy that it names; USERS
holds the secret key of every user in a file of the user's name. The endpoint is AWS_ENDPOINT_URL_S3, the administrator
AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, GOVERNANCE, Filter
from minio.credentials.providers import EnvAWSProvider
from minio.error import MinioAdminException, S3Error
from minio.lifecycleconfig import LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.notificationconfig import NotificationConfig, PrefixFilterRule, QueueConfig, SuffixFilterRule
from minio.objectlockconfig import DAYS, ObjectLockConfig
from urllib3.exceptions import HTTPError

from posterity.errors import PosterityError, SettingsError, UnavailableError
from posterity.store.s3 import S3Store


@dataclass(frozen=True)
class Event:
    """Objects whose creation is told to `target`, a webhook of that name if the server has one."""

    target: str
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True)
class Bucket:
    """A bucket as it should be.

    retention_days: no version can be deleted earlier, but by who may bypass governance (0: no versions, no lock);
    noncurrent_days: how long older versions are kept (0: for ever); quota: bytes that fit into it (0: no limit).
    """

    retention_days: int = 0
    noncurrent_days: int = 0
    quota: int = 0
    events: tuple[Event, ...] = ()

    def __str__(self) -> str:
        lock = (
            f"versioned, no version deleted within {self.retention_days} days" if self.retention_days else "no versions"
        )
        events = [f"new {event.prefix}*{event.suffix} told to {event.target}" for event in self.events]
        quota = [f"at most {self.quota:,} bytes"] if self.quota else []
        return ", ".join([lock, *quota, *events])


@dataclass(frozen=True)
class Plan:
    """What there should be: buckets, policies, and users with the name of their policy and their secret key."""

    buckets: Mapping[str, Bucket]
    policies: Mapping[str, dict[str, Any]]
    users: Mapping[str, str]
    secrets: Mapping[str, str]


def read_plan(folder: Path, users: Path) -> Plan:
    """The plan in the two folders. Raises SettingsError naming the file that is missing or wrong."""
    declared = _read_json(folder / "store.json")
    try:
        buckets = {name: _bucket(**facts) for name, facts in declared["buckets"].items()}
        policy_of = {name: str(policy) for name, policy in declared["users"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise SettingsError(f"{folder / 'store.json'} does not declare buckets and users rightly: {error}") from error
    policies = {name: _read_json(folder / f"{name}.json") for name in sorted(set(policy_of.values()))}
    return Plan(buckets, policies, policy_of, {name: _read(users / name).strip() for name in policy_of})


def provision(client: Minio, admin: MinioAdmin, plan: Plan) -> Iterator[str]:
    """Bring the server in line with `plan`, saying what is there now, one thing after the other.

    Raises SettingsError where the server refuses something, UnavailableError where it is away.
    """
    with _step("buckets and users"):
        webhooks = set(json.loads(admin.info()).get("sqsARN") or ())
    for name, declared in plan.buckets.items():
        bucket = replace(declared, events=tuple(event for event in declared.events if _arn(event) in webhooks))
        with _step(f"bucket {name}"):
            _make_bucket(client, admin, name, bucket)
        yield f"bucket {name}: {bucket}"
    for name, policy in plan.policies.items():
        with _step(f"policy {name}"):
            admin.policy_add(name, policy=policy)
    for name, policy_name in plan.users.items():
        with _step(f"user {name}"):
            admin.user_add(name, plan.secrets[name])
            admin.policy_set(policy_name, user=name)
        yield f"user {name}: policy {policy_name}"


def administrator(store: S3Store) -> MinioAdmin:
    """The server of `store`, for who may change it: endpoint and credentials are those of the environment."""
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ["AWS_ENDPOINT_URL"])
    is_secure = endpoint.scheme == "https"
    return MinioAdmin(endpoint=endpoint.netloc, secure=is_secure, credentials=EnvAWSProvider(), http_client=store.http)


def _make_bucket(client: Minio, admin: MinioAdmin, name: str, bucket: Bucket) -> None:
    if not client.bucket_exists(name):
        client.make_bucket(name, object_lock=bucket.retention_days > 0)
    if bucket.retention_days:
        client.set_object_lock_config(name, ObjectLockConfig(GOVERNANCE, bucket.retention_days, DAYS))
    if bucket.noncurrent_days:
        old = NoncurrentVersionExpiration(noncurrent_days=bucket.noncurrent_days)
        rule = Rule(ENABLED, rule_filter=Filter(prefix=""), rule_id="old", noncurrent_version_expiration=old)
        client.set_bucket_lifecycle(name, LifecycleConfig([rule]))
    client.set_bucket_notification(name, NotificationConfig(queue_config_list=[_queue(item) for item in bucket.events]))
    admin.bucket_quota_set(name, bucket.quota)


def _arn(event: Event) -> str:
    return f"arn:minio:sqs::{event.target}:webhook"


def _queue(event: Event) -> QueueConfig:
    return QueueConfig(
        ["s3:ObjectCreated:*"],
        queue=_arn(event),
        config_id=event.target,
        prefix_filter_rule=PrefixFilterRule(event.prefix),
        suffix_filter_rule=SuffixFilterRule(event.suffix),
    )


@contextmanager
def _step(what: str) -> Iterator[None]:
    """The server's refusals as errors of our own."""
    try:
        yield
    except (S3Error, MinioAdminException) as error:
        raise SettingsError(f"the store refuses to set up {what}: {error}") from error
    except HTTPError as error:
        reason = getattr(error, "reason", None) or error
        raise UnavailableError(f"the store cannot be reached to set up {what} ({reason}); run this again") from error


def _bucket(events: list[dict[str, str]] | None = None, **facts: int) -> Bucket:
    return Bucket(events=tuple(Event(**event) for event in events or []), **facts)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(_read(path)))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); the store cannot be set up without it"
        ) from error


def main(arguments: list[str]) -> None:
    """Carry out the plan of FOLDER and USERS on the server that the environment names."""
    if len(arguments) != 2:
        sys.exit(str(__doc__))
    try:
        plan = read_plan(*map(Path, arguments))
        store = S3Store.from_environment(next(iter(plan.buckets)))
        for line in provision(store.client, administrator(store), plan):
            print(line, flush=True)
    except PosterityError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
