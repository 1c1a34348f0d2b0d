"""Leases for blocks of code."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ContextDecorator
from datetime import timedelta
from types import TracebackType
from typing import Any, Callable, TypeVar

from ._errors import CleanupError
from ._lease import Lease, Path, Released, arguments, logger

F = TypeVar("F", bound=Callable[..., Any])

# A lease around the call of such a function would end before the function has begun.
_GO_ON = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


def guard(
    *,
    backend: str | Sequence[str] | None = None,
    run_id: str | None = None,
    labels: Mapping[str, str] | None = None,
    own: str = "proven",
    job_dirs: Sequence[Path] = (),
    claims: Sequence[str] = (),
    images: bool = True,
    settle_time: timedelta | None = None,
    program: str = "tbengine",
    config: Path | None = None,
    state_dir: Path | None = None,
) -> Guard:
    """A lease for a block of code: ``with guard() as lease``, or a decorator of a function.

    When the block ends, in whatever way, what was created under the lease is deleted, and the block waits for
    that. If its process is killed, it is deleted as well. An exception of the block is never hidden;
    :class:`CleanupError` is raised if the block succeeded and the cleanup failed.

    - ``backend``: only these, by their names in tbengine's configuration; default: all that are configured
    - ``run_id``: the id of the lease; default: a new one
    - ``labels``: labels of your own that together mark a resource as created under the lease,
      besides the label ``lease.label``
    - ``own``: ``"proven"``, or ``"created-during-run"`` to delete also what was created meanwhile and has no
      mark of another owner
    - ``job_dirs``: directories of trials whose names the resources carry, like Harbor's job
    - ``claims``: full ids of resources that exist and are deleted as well
    - ``images``: whether images are deleted
    - ``settle_time``: how long to wait before checking again for resources that were still being created;
      default: 3 s
    - ``program``, ``config``, ``state_dir``: tbengine, its configuration file and its state directory
    """
    terms = arguments(
        backend=backend,
        run_id=run_id,
        labels=labels,
        own=own,
        job_dirs=job_dirs,
        claims=claims,
        images=images,
        settle_time=settle_time,
        config=config,
        state_dir=state_dir,
    )
    return Guard(program, terms)


def aguard(**terms: Any) -> Aguard:
    """The same for ``async with``, with the arguments of :func:`guard`: the loop is not blocked."""
    return Aguard(guard(**terms))


class Guard(ContextDecorator):
    """What :func:`guard` returns."""

    def __init__(self, program: str, terms: Sequence[str]) -> None:
        self._program = program
        self._terms = terms
        self._lease: Lease | None = None

    def __enter__(self) -> Lease:
        if self._lease is not None:
            raise RuntimeError("this guard has been entered already; make another one")
        self._lease = Lease(self._program, self._terms)
        return self._lease

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            _settle(lease, error)

    def __call__(self, func: F) -> F:
        """Runs the function under a lease of its own each time. ``labels`` mark what it creates."""
        if any(goes_on(func) for goes_on in _GO_ON):
            raise TypeError(f"{func.__name__} continues after its call returned; use a with statement in it")
        return super().__call__(func)

    def _recreate_cm(self) -> Guard:
        return Guard(self._program, self._terms)


class Aguard:
    """What :func:`aguard` returns."""

    def __init__(self, inner: Guard) -> None:
        self._inner = inner
        self._cancelling = threading.Lock()
        self._cancelled = False

    async def __aenter__(self) -> Lease:
        try:
            return await asyncio.to_thread(self._take)
        except asyncio.CancelledError:
            # The thread cannot be stopped; what it takes, or has taken, is given up.
            with self._cancelling:
                self._cancelled = True
                self._give_up()
            raise

    def _take(self) -> Lease:
        lease = self._inner.__enter__()
        with self._cancelling:
            if self._cancelled:
                self._give_up()
        return lease

    def _give_up(self) -> None:
        if self._inner._lease is not None:
            self._inner._lease._close()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._inner.__exit__, kind, error, trace)


def _settle(lease: Lease, error: BaseException | None) -> None:
    """Releases a lease. A failure is raised, unless that would hide another one."""
    if os.getpid() != lease._pid:
        # A forked child leaves the block of its parent, whose lease stays live.
        return
    try:
        failure = _failure_of(lease, lease.release())
    except CleanupError as gone:
        failure = gone
    if failure is None:
        return
    if error is None:
        raise failure
    logger.error("%s", failure)
    if hasattr(error, "add_note"):
        error.add_note(str(failure))


def _failure_of(lease: Lease, released: Released) -> CleanupError | None:
    """The failure in the results of a lease, if any. What is kept on purpose is only logged."""
    if released.unproven:
        logger.warning(
            "lease %s: %d resources created meanwhile were kept (owner unknown): %s",
            lease.id,
            released.unproven,
            ", ".join(released.unproven_names),
        )
    if not released.ended:
        problems = "; ".join(released.problems) or "reason unknown"
        return CleanupError(f"lease {lease.id}: not everything is gone: {problems}", released)
    for problem in released.problems:
        logger.warning("lease %s: %s", lease.id, problem)
    return None
