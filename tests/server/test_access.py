import pytest

from posterity.errors import SettingsError
from posterity.server.access import ANYBODY, Access, require
from posterity.server.errors import RequestError
from posterity.server.http import NOBODY

TOKENS = "page:read:aaa planner:read,score:b:b"


def ask(token: str | None) -> dict[bytes, bytes]:
    return {} if token is None else {b"authorization": token.encode()}


def test_without_tokens_everybody_may_do_everything() -> None:
    access = Access("")
    assert not access.is_guarded
    assert access.consumer(ask("Bearer whatever")) is ANYBODY
    require(ANYBODY, "promote")


def test_a_token_stands_for_a_consumer_with_roles() -> None:
    access = Access(TOKENS)
    planner = access.consumer(ask("bearer b:b"))
    assert (planner.name, planner.roles) == ("planner", {"", "read", "score"})
    require(planner, "score")
    require(NOBODY, "")
    with pytest.raises(RequestError, match="planner has no role 'promote'") as refused:
        require(planner, "promote")
    assert refused.value.status == 403


@pytest.mark.parametrize("token", ["Bearer aab", "Bearer", "Basic aaa", "aaa", "Bearer aaa x"])
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(RequestError) as refused:
        Access(TOKENS).consumer(ask(token))
    assert refused.value.status == 401


def test_no_token_is_enough_for_what_is_open_only() -> None:
    nobody = Access(TOKENS).consumer(ask(None))
    with pytest.raises(RequestError, match="needs a token") as refused:
        require(nobody, "read")
    assert refused.value.status == 401
    assert refused.value.headers == {b"www-authenticate": b"Bearer"}


@pytest.mark.parametrize("setting", ["x:y", "x:king:abc", ":read:abc", "x:read:", "x:read:abcd y:read:abcd"])
def test_a_wrong_setting_is_refused_without_showing_a_token(setting: str) -> None:
    with pytest.raises(SettingsError, match="POSTERITY_TOKENS") as refused:
        Access(setting)
    assert "abc" not in str(refused.value)
