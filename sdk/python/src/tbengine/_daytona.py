"""A Daytona sandbox for a block of code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._errors import CleanupError
from ._guard import guard
from ._lease import Lease
from ._threaded import Threaded

if TYPE_CHECKING:
    from daytona import CreateSandboxFromImageParams, CreateSandboxFromSnapshotParams, Daytona, Sandbox


@contextmanager
def managed_daytona_sandbox(
    sandbox: str | Sandbox | None = None,
    *,
    client: Daytona | None = None,
    backend: str = "daytona",
    create_timeout: float = 60,
    guard_with: Mapping[str, Any] | None = None,
    **params: Any,
) -> Iterator[Sandbox]:
    """Creates a sandbox, or adopts one that exists, and deletes it when the block ends or its process dies, also if
    the reply to its creation was lost.

    ``sandbox`` is the sandbox to adopt, or its id or name. Otherwise ``params`` are those of Daytona's ``CreateSandboxFromImageParams`` where they name an ``image``, else of
    ``CreateSandboxFromSnapshotParams``. ``guard_with`` holds further arguments of :func:`tbengine.guard`.
    ``backend`` is the name in tbengine's configuration of the account that ``client`` uses; both go by
    ``DAYTONA_API_KEY`` unless set otherwise. Needs ``tbengine[daytona]``.
    """
    import daytona

    used = daytona.Daytona() if client is None else client
    if sandbox is not None and params:
        raise TypeError("a sandbox that exists is adopted as it is")
    adopted = used.get(sandbox) if isinstance(sandbox, str) else sandbox
    claims = [] if adopted is None else [adopted.id]
    with guard(backend=backend, **{**(guard_with or {}), "claims": claims}) as lease:
        if adopted is None:
            made = _create(used, lease, params, create_timeout)
        else:
            made = adopted
            # A listing that lies does not hide what was named.
            lease.known = True
        yield made
    try:
        used.get(made.id)
    except daytona.DaytonaNotFoundError:
        return
    raise CleanupError(
        f"sandbox {made.id} is still there: the client and tbengine's backend `{backend}` do not use the "
        "same account"
    )


def amanaged_daytona_sandbox(*arguments: Any, **kwargs: Any) -> Threaded[Sandbox]:
    """The same for ``async with``: the loop goes on meanwhile."""
    return Threaded(managed_daytona_sandbox(*arguments, **kwargs))


def _create(used: Daytona, lease: Lease, params: dict[str, Any], timeout: float) -> Sandbox:
    """Creates a sandbox that carries the label of the lease."""
    import daytona

    params["labels"] = {**(params.get("labels") or {}), **lease.label}
    wanted: CreateSandboxFromImageParams | CreateSandboxFromSnapshotParams
    if "image" in params:
        wanted = daytona.CreateSandboxFromImageParams(**params)
    else:
        wanted = daytona.CreateSandboxFromSnapshotParams(**params)
    return used.create(wanted, timeout=timeout)
