import pytest

from posterity.errors import RefusedError, SettingsError
from posterity.registry import audit
from posterity.release import pins
from tests.release.products import nth


def test_the_newest_pin_holds_until_it_is_released(store, acting):
    first, second = nth(store, 1), nth(store, 2)
    assert pins.current(store, "flights") is None
    pins.pin(store, first, "the new prior is wrong")
    pins.pin(store, second, "that one was right after all")
    acting.become("bob@lab")
    held = pins.pin(store, second, "again")
    assert (held.number, held.who, held.why) == (2, "ada@lab", "that one was right after all")
    assert pins.current(store, "flights") == held
    assert pins.unpin(store, "flights", "mended").who == "bob@lab"
    assert pins.current(store, "flights") is None
    assert [entry.kind for entry in audit.entries(store, "flights")] == ["pin", "pin", "unpin"]


def test_pins_need_a_reason_and_something_to_release(store, acting):
    with pytest.raises(SettingsError, match="needs a reason"):
        pins.pin(store, nth(store, 1), "")
    with pytest.raises(RefusedError, match="flights is not pinned"):
        pins.unpin(store, "flights", "mended")
