"""What can go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._lease import Released


class TbengineError(Exception):
    """Everything that this package raises by itself."""


class LeaseError(TbengineError):
    """A lease could not be taken. Nothing was made under it, so nothing is left."""


class ProgramNotFoundError(LeaseError, FileNotFoundError):
    """There is no program ``tbengine``."""


class CleanupError(TbengineError):
    """Not everything that was made under a lease is known to be gone.

    The next ``tbengine run`` or ``tbengine resume`` continues it.
    """

    #: What came of the lease; ``None`` if the process that holds it ended without an answer.
    released: Released | None

    def __init__(self, message: str, released: Released | None = None) -> None:
        super().__init__(message)
        self.released = released
