"""Deletes what a block of code made, whatever becomes of its process.

A *lease* is held by a process of tbengine that outlives this one. What carries the lease's label is deleted,
verified and retried by that process when the block ends, and just as well after ``kill -9``.

- :func:`guard`, :func:`aguard`: a lease for a block of code
- :func:`managed_docker_container`, :func:`managed_daytona_sandbox`: one resource for a block of code, made for it or
  adopted; :func:`amanaged_docker_container`, :func:`amanaged_daytona_sandbox` for ``async with``
"""

from ._daytona import amanaged_daytona_sandbox, managed_daytona_sandbox
from ._docker import amanaged_docker_container, managed_docker_container
from ._errors import CleanupError, LeaseError, ProgramNotFoundError, TbengineError
from ._guard import Aguard, Guard, aguard, guard
from ._lease import RUN_ID_LABEL, RUN_ID_VARIABLE, Lease, Released

__all__ = [
    "RUN_ID_LABEL",
    "RUN_ID_VARIABLE",
    "Aguard",
    "CleanupError",
    "Guard",
    "Lease",
    "LeaseError",
    "ProgramNotFoundError",
    "Released",
    "TbengineError",
    "aguard",
    "amanaged_daytona_sandbox",
    "amanaged_docker_container",
    "guard",
    "managed_daytona_sandbox",
    "managed_docker_container",
]
