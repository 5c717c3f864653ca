"""Finding rows by words of their keys, as people type them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posterity.data.parquet import read_table
from posterity.server.rows import Places, Rows, key_text

EQUAL, BEGINS, CONTAINS = 4, 2, 1  # how well a word fits a value


class Index:
    """The key columns of a product as texts, and the order of its rows by one column."""

    def __init__(self, rows: Rows, ranked_by: str) -> None:
        table = read_table(rows.parquet, [*rows.keys, ranked_by])
        encoded = [table[name].combine_chunks().dictionary_encode() for name in rows.keys]
        self._texts = [[key_text(value).casefold() for value in column.dictionary.to_pylist()] for column in encoded]
        self._codes = [column.indices.to_numpy(zero_copy_only=False) for column in encoded]
        rank = np.asarray(table[ranked_by].to_numpy(zero_copy_only=False), dtype=float)
        self._order = np.argsort(-np.nan_to_num(rank, nan=-np.inf), kind="stable")

    def search(self, words: Sequence[str]) -> Places:
        """The places of the rows that every word fits: those it fits best first, then the largest."""
        fit = np.zeros(len(self._order), dtype=np.int32)
        there = np.ones(len(self._order), dtype=bool)
        for word in words:
            best = self._fit(word.casefold())
            there &= best > 0
            fit += best
        ranked = self._order[there[self._order]]
        return ranked[np.argsort(-fit[ranked], kind="stable")]

    def _fit(self, word: str) -> NDArray[np.int32]:
        """How well a word fits the best of each row's values."""
        columns = [
            np.array([_fits(word, text) for text in texts] or [0], dtype=np.int32)[codes]
            for texts, codes in zip(self._texts, self._codes, strict=True)
        ]
        best: NDArray[np.int32] = np.max(columns, axis=0)
        return best


def _fits(word: str, text: str) -> int:
    if word == text:
        return EQUAL
    return BEGINS if text.startswith(word) else CONTAINS if word in text else 0
