import re

import pytest

from posterity import errors
from posterity.errors import PosterityError, RefusedError

CLASSES = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, PosterityError)]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """With the parents, and with the exit code wherever one is drawn."""
    drawn = re.findall(
        r"^    (│   [├└]── |[├└]── |)(\w+Error)\s*(?:exit code )?(\d+)?", errors.__doc__ or "", re.MULTILINE
    )
    assert {name for _, name, _ in drawn} == {item.__name__ for item in CLASSES}
    parents = {"": Exception, "├": PosterityError, "└": PosterityError, "│": RefusedError}
    for branch, name, code in drawn:
        item = getattr(errors, name)
        assert item.__bases__ == (parents[branch[:1]],)
        if code:
            assert item.exit_code == int(code)
        else:
            assert item.exit_code == item.__bases__[0].exit_code


@pytest.mark.parametrize("item", CLASSES)
def test_a_caller_can_tell_whether_to_retry(item: type[PosterityError]) -> None:
    assert (item.exit_code == 75) == (item is errors.UnavailableError)
    assert item.exit_code not in {0, 2}, "0 is success and 2 a wrong call of a command"
    assert item.__doc__
