"""A Daytona sandbox for a block of code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._errors import CleanupError
from ._guard import guard

if TYPE_CHECKING:
    from daytona import CreateSandboxFromImageParams, CreateSandboxFromSnapshotParams, Daytona, Sandbox


@contextmanager
def managed_daytona_sandbox(
    *,
    client: Daytona | None = None,
    backend: str = "daytona",
    create_timeout: float = 60,
    guard_with: Mapping[str, Any] | None = None,
    **params: Any,
) -> Iterator[Sandbox]:
    """Creates a sandbox, and deletes it when the block ends or its process dies, also if the reply to its
    creation was lost.

    ``params`` are those of Daytona's ``CreateSandboxFromImageParams`` where they name an ``image``, else of
    ``CreateSandboxFromSnapshotParams``. ``guard_with`` holds further arguments of :func:`tbengine.guard`.
    ``backend`` is the name in tbengine's configuration of the account that ``client`` uses; both go by
    ``DAYTONA_API_KEY`` unless told otherwise. Needs ``tbengine[daytona]``.
    """
    import daytona

    used = daytona.Daytona() if client is None else client
    with guard(backend=backend, **(guard_with or {})) as lease:
        params["labels"] = {**(params.get("labels") or {}), **lease.label}
        wanted: CreateSandboxFromImageParams | CreateSandboxFromSnapshotParams
        if "image" in params:
            wanted = daytona.CreateSandboxFromImageParams(**params)
        else:
            wanted = daytona.CreateSandboxFromSnapshotParams(**params)
        sandbox = used.create(wanted, timeout=create_timeout)
        yield sandbox
    try:
        used.get(sandbox.id)
    except daytona.DaytonaNotFoundError:
        return
    raise CleanupError(
        f"sandbox {sandbox.id} is still there: the client and tbengine's backend `{backend}` do not use the "
        "same account"
    )
