"""Pieces of a product, one predicted while the one before it is summarised."""

import threading

import pytest

from posterity.scoring.predicting import overlapped

PATIENCE = 10  # seconds, for what takes none


def test_pieces_come_in_order_with_their_predictions() -> None:
    found = overlapped(range(5), lambda piece: piece**2, lambda piece, predicted: (piece, predicted))
    assert list(found) == [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]
    assert list(overlapped((), str, lambda *both: both)) == []


def test_the_next_piece_is_predicted_while_one_is_finished() -> None:
    predicting, callers = threading.Event(), set()

    def predict(piece: int) -> int:
        callers.add(threading.current_thread())
        if piece:
            predicting.set()
        return piece

    found = overlapped(range(2), predict, lambda piece, _: predicting.wait(PATIENCE))
    assert list(found) == [True, True]
    assert callers == {threading.main_thread()}


def test_a_single_piece_needs_no_other_thread() -> None:
    """A server that scores one row would pay for it."""
    found = overlapped([1], lambda piece: piece, lambda *_: threading.current_thread())
    assert list(found) == [threading.main_thread()]


def test_an_error_stops_after_the_piece_that_was_predicted_meanwhile() -> None:
    predicted = []

    def finish(piece: int, _: None) -> int:
        if piece == 1:
            raise ValueError(piece)
        return piece

    found = overlapped(range(9), predicted.append, finish)
    assert next(found) == 0
    with pytest.raises(ValueError, match="1"):
        next(found)
    assert predicted == [0, 1, 2]
