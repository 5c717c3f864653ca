import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from posterity.errors import CorruptError
from posterity.sampling.container import pack, unpack

numbers = arrays(
    st.sampled_from([np.dtype("f8"), np.dtype("i8"), np.dtype("?"), np.dtype("u1"), np.dtype(">f8")]),
    array_shapes(min_dims=0, min_side=0),
)


@given(st.dictionaries(st.text(), st.integers()), st.dictionaries(st.text(min_size=1), numbers))
def test_what_is_packed_comes_back(header, content):
    found_header, found = unpack(pack(header, content), "it")
    assert found_header == header
    assert found.keys() == content.keys()
    for name, value in content.items():
        assert found[name].shape == value.shape
        np.testing.assert_array_equal(found[name], value)


def test_the_order_of_names_does_not_matter():
    a, b = np.arange(3.0), np.ones((2, 2))
    assert pack({"x": 1, "y": 2}, {"a": a, "b": b}) == pack({"y": 2, "x": 1}, {"b": b, "a": a.copy()})


def test_not_contiguous_arrays_are_packed_by_value():
    value = np.arange(12.0).reshape(3, 4).T
    assert pack({}, {"a": value}) == pack({}, {"a": value.copy()})


@given(st.data())
def test_any_cut_or_changed_byte_is_noticed(data):
    whole = pack({"chain": 3}, {"a": np.arange(20.0)})
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CorruptError, match="plans/p/chains/3/00001"):
        unpack(whole[:length], "plans/p/chains/3/00001")
    changed = bytearray(whole)
    changed[length] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptError, match="was cut or changed"):
        unpack(bytes(changed), "it")
