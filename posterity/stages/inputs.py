"""Parameters of stages, checked."""

import re
from datetime import date

from posterity.errors import SettingsError


def parse_day(text: str) -> date:
    """A day written YYYY-MM-DD, or the time of a recurring run, [[ScheduledTime]] as it is filled in by the backend.

    Raises SettingsError.
    """
    try:
        return date.fromisoformat(text[:8] if re.fullmatch(r"\d{14}", text) else text)
    except ValueError as error:
        raise SettingsError(f"as_of={text!r} is not a day; write it as YYYY-MM-DD, for example 2013-03-31") from error


def share_out(chains: int, shards: int) -> list[str]:
    """Chains 0, 1, … dealt to `shards` as evenly as can be: one string of chain numbers per shard.

    Raises SettingsError unless 1 ≤ shards ≤ chains.
    """
    if chains < 1:
        raise SettingsError(f"chains={chains}: at least one chain is needed, and four to judge convergence")
    if not 1 <= shards <= chains:
        raise SettingsError(f"shards={shards} cannot share {chains} chains; choose 1 to {chains}, or auto")
    return [",".join(str(chain) for chain in range(shard, chains, shards)) for shard in range(shards)]


def parse_shard(text: str) -> list[int]:
    """The chains of a shard from `0,2`. Raises SettingsError."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise SettingsError(f"shard={text!r} is not a list of chain numbers such as 0,2") from error
