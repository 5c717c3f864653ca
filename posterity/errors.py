"""The exceptions of Posterity.

    PosterityError                  exit code 1
    ├── RefusedError                3   bad input; the same call fails again: do not retry
    │   ├── SettingsError               a setting, flag or parameter
    │   ├── SourceError                 a data source that cannot be read or is empty
    │   ├── DataTestError               a snapshot that failed its data tests (quarantined)
    │   ├── ModelError                  a model that breaks the contract or cannot be compiled
    │   ├── NotFoundError               a version, run, artifact or snapshot that is not there
    │   └── ConflictError               two writers moved the same pointer
    ├── GateError                   4   the posterior did not converge; more draws or a better model
    ├── CorruptError                5   stored bytes do not match their digest
    └── UnavailableError            75  store, registry or network is away: retry

Every message names the object, says what is wrong and what to do about it.
"""


class PosterityError(Exception):
    """Base of all exceptions raised on purpose; `exit_code` is the status of the process that ends on it."""

    exit_code = 1


class RefusedError(PosterityError):
    """The input cannot be accepted; repeating the call will not help."""

    exit_code = 3


class SettingsError(RefusedError):
    """A setting, flag or pipeline parameter is missing or out of range."""


class SourceError(RefusedError):
    """A data source is missing, unreadable or empty."""


class DataTestError(RefusedError):
    """A snapshot failed its data tests and is quarantined."""


class ModelError(RefusedError):
    """A model breaks its contract or cannot be compiled."""


class NotFoundError(RefusedError):
    """A named version, run, artifact, snapshot or object does not exist."""


class ConflictError(RefusedError):
    """A pointer was moved by somebody else between reading and writing it."""


class GateError(PosterityError):
    """The posterior did not pass the convergence gate."""

    exit_code = 4


class CorruptError(PosterityError):
    """Stored bytes do not match the digest they were written under."""

    exit_code = 5


class UnavailableError(PosterityError):
    """Store, registry or network cannot be reached; the call may be repeated."""

    exit_code = 75
