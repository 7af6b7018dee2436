"""What people are told of a file that they cannot have."""

from __future__ import annotations

from gateway.vocabulary.errors import MediaError

MEBIBYTE = 1024 * 1024


def too_large(most: int) -> MediaError:
    """The file is too large, with the limit in it."""
    return MediaError("too_large", f"The file is larger than {most / MEBIBYTE:g} MB.")


def gone() -> MediaError:
    """There was such a file."""
    return MediaError("gone", "The file is not there any more.")


def busy() -> MediaError:
    """Too much is going on."""
    return MediaError("refused", "Too many files are on their way; try again.", again=True)


def many(count: int, seconds: float) -> MediaError:
    """One person sends too much."""
    reason = f"No more than {count} files in {seconds / 60:g} minutes; try again later."
    return MediaError("refused", reason, again=True)
