"""Parts of a file (RFC 9110, section 14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.ranges import Part, Unsatisfiable, part_from_range


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-", 500, 1000),
        ("bytes=-200", 800, 1000),
        ("bytes=-5000", 0, 1000),
        ("bytes=900-5000", 900, 1000),
        ("Bytes= 5-9 ", 5, 10),
    ],
)
def test_a_part_is_understood(header: str, start: int, end: int) -> None:
    assert part_from_range(header, 1000) == Part(start, end)


@pytest.mark.parametrize("header", ["", "bytes=", "bytes=-", "items=0-1", "bytes=5-2", "0-1"])
def test_what_is_no_range_asks_for_the_whole(header: str) -> None:
    assert part_from_range(header, 1000) is None


def test_several_ranges_are_answered_with_the_whole() -> None:
    assert part_from_range("bytes=0-1,5-6", 1000) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=1000-", 1000), ("bytes=-0", 9), ("bytes=0-", 0)]
)
def test_bytes_that_are_not_there_cannot_be_given(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        part_from_range(header, size)


@given(st.text(), st.integers(0, 2000))
def test_a_part_lies_in_the_file(words: str, size: int) -> None:
    try:
        part = part_from_range(f"bytes={words}", size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.end <= size
