"""What a server is told to serve: POSTERITY_PRODUCTS."""

import re
from dataclasses import dataclass

from posterity.errors import SettingsError
from posterity.registry.aliases import ALIASES

ALL = "*"
CHALLENGER = "challenger"
_FORM = re.compile(r"([^\s@/]+)(?:@([a-z]+)|/([1-9][0-9]*))")


@dataclass(frozen=True)
class ProductReference:
    """`model@alias`, which follows a pointer, or `model/number`, which is pinned; `*` stands for every model."""

    model: str
    alias: str = ""
    number: int = 0

    def __str__(self) -> str:
        return f"{self.model}@{self.alias}" if self.alias else f"{self.model}/{self.number}"


def parse_products(text: str) -> list[ProductReference]:
    """The references in `text`, separated by blanks.

    Raises SettingsError on one of another form, and on two that make different products of a model the current one.
    """
    references = [_parse(word) for word in text.split()]
    if not references:
        raise SettingsError("POSTERITY_PRODUCTS names nothing to serve; use MODEL@champion, MODEL/3 or *@champion")
    current = [item for item in references if item.alias != CHALLENGER]
    models = [item.model for item in current]
    if twice := sorted({model for model in models if models.count(model) > 1}):
        there = ", ".join(str(item) for item in current if item.model == twice[0])
        raise SettingsError(f"POSTERITY_PRODUCTS names {there}: which is the current one of {twice[0]}? Leave one")
    return references


def _parse(word: str) -> ProductReference:
    match = _FORM.fullmatch(word)
    if not match or (match[1] == ALL and match[3]):
        raise SettingsError(f"POSTERITY_PRODUCTS: {word!r} is not MODEL@ALIAS, MODEL/NUMBER or *@ALIAS")
    if match[2] and match[2] not in ALIASES:
        raise SettingsError(f"POSTERITY_PRODUCTS: {word!r}: {match[2]!r} is no alias; there are {', '.join(ALIASES)}")
    return ProductReference(match[1], match[2] or "", int(match[3] or 0))
