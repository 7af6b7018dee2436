"""What keeps operations of the ledger in line when it was away for one of them."""

from __future__ import annotations


class Chain:
    """Operations of which none is carried out once the ledger was away for an earlier one."""

    __slots__ = ("broken",)

    def __init__(self) -> None:
        self.broken = False
        """For ever: who goes on begins a new one, from what the ledger has."""
