import pytest

from posterity.errors import SettingsError
from posterity.server.references import ProductReference, parse_products


def test_aliases_pins_and_all_models() -> None:
    assert parse_products("flights@champion delays/3 *@challenger") == [
        ProductReference("flights", "champion"),
        ProductReference("delays", number=3),
        ProductReference("*", "challenger"),
    ]
    assert [str(item) for item in parse_products("flights@champion delays/3")] == ["flights@champion", "delays/3"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names nothing"),
        ("flights", "is not MODEL@ALIAS"),
        ("flights/0", "is not MODEL@ALIAS"),
        ("flights/x", "is not MODEL@ALIAS"),
        ("*/3", "is not MODEL@ALIAS"),
        ("a@b@champion", "is not MODEL@ALIAS"),
        ("flights@king", "'king' is no alias; there are candidate"),
        ("flights/3 flights@champion", "names flights/3, flights@champion: which is the current one"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        parse_products(text)
