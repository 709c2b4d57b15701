from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from app.directory.ahead import read_ahead


def test_the_items_come_in_their_order() -> None:
    assert list(read_ahead(iter(range(50)))) == list(range(50))


def test_no_items_are_no_items() -> None:
    assert list(read_ahead(iter(()))) == []


def test_what_is_not_asked_for_is_not_read_but_for_a_few() -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    with closing(read_ahead(numbers(), depth=3)) as ahead:
        assert next(ahead) == 0
    assert len(read) <= 5


def test_what_goes_wrong_in_reading_is_raised_where_it_is_read() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError

    ahead = read_ahead(broken())
    assert next(ahead) == 1
    with pytest.raises(OSError):  # noqa: PT011  it says nothing more
        next(ahead)
