"""A lease, and the process that holds it.

The process is a ``tbengine lease hold --detach``: a session of its own, at the other end of a pipe. The
kernel closes the pipe when this process ends, however that happens; then it deletes what carries the label.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, Any, Union

from ._errors import CleanupError, LeaseError, ProgramNotFoundError

#: The label that says under which lease a resource was made.
RUN_ID_LABEL = "tbengine.run-id"
#: The variable that says under which lease a process runs. Processes that carry it are ended with the lease.
RUN_ID_VARIABLE = "TBENGINE_RUN_ID"

logger = logging.getLogger("tbengine")

Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Released:
    """What became of what was made under a lease."""

    #: The id of the lease.
    lease: str
    #: Whether everything was seen to be gone.
    ended: bool
    #: How many resources were deleted.
    deleted: int = 0
    #: How many could not be.
    failed: int = 0
    #: How many were created meanwhile, and nothing says by whom. They stay.
    unproven: int = 0
    #: How many steps ended in which way, like ``{"deleted": 3}``.
    results: Mapping[str, int] = field(default_factory=dict)
    #: What is in the way, in words.
    problems: Sequence[str] = ()
    #: Some of what was created meanwhile, in words.
    unproven_names: Sequence[str] = ()

    @classmethod
    def _of(cls, said: Mapping[str, Any]) -> Released:
        return cls(
            lease=said["lease"],
            ended=said["ended"],
            deleted=said["deleted"],
            failed=said["failed"],
            unproven=said["unproven"],
            results=dict(said["results"]),
            problems=tuple(said["problems"]),
            unproven_names=tuple(said["unproven-names"]),
        )


class Lease:
    """A lease of this process. :func:`tbengine.guard` takes one for a block of code."""

    #: The id of the lease.
    id: str
    #: Whether all that was made under it is known to be there, so that one look is enough. Set by code that knows.
    known: bool = False

    def __init__(self, program: str, arguments: Sequence[str]) -> None:
        """Takes a lease. ``program`` is tbengine, ``arguments`` are those of ``tbengine lease hold``."""
        # What the holder says goes to a file: a pipe would break with this process, while it goes on.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._pid = os.getpid()
        self._releasing = threading.Lock()
        self._released: Released | None = None
        command = [program, "lease", "hold", "--detach", *arguments]
        with _forking:
            try:
                starting = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                    bufsize=0,
                    # Ctrl-C is meant for this process, not for who cleans up after it.
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                self._said.close()
                raise ProgramNotFoundError(
                    f"there is no program `{program}`: install tbengine and put it on PATH, "
                    "or name it with program="
                ) from error
            except OSError as error:
                self._said.close()
                raise LeaseError(f"failed to start `{program}`: {error}") from error
            assert starting.stdin is not None and starting.stdout is not None
            self._keep: IO[bytes] = starting.stdin
            self._answers: IO[bytes] = starting.stdout
            _held.add(self)
        try:
            # It only starts the process that holds the lease.
            code = starting.wait()
            taken = self._answer()
            if taken is None:
                raise LeaseError(f"tbengine took no lease: {self._complaint(code)}")
            self.id = taken["lease"]
        except BaseException:
            # Without its pipe, a lease that was acquired meanwhile ends.
            self._close()
            raise

    @property
    def label(self) -> dict[str, str]:
        """The label that what is made under the lease must carry."""
        return {RUN_ID_LABEL: self.id}

    def env(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """A copy of the environment with the id of the lease, for processes that are to end with it."""
        return {**(os.environ if base is None else base), RUN_ID_VARIABLE: self.id}

    def release(self) -> Released:
        """Gives the lease up, waits until what was made under it is gone, and returns what came of it.

        Raises :class:`CleanupError` if the process that holds it ended without an answer. If it is
        interrupted, the cleaning up goes on without this process. Once released, it returns the same again.
        """
        if os.getpid() != self._pid:
            raise LeaseError(f"lease {self.id} is held by the process that this one was forked from")
        with self._releasing:
            if self._released is None:
                try:
                    self._released = self._release()
                finally:
                    self._close()
            return self._released

    def _release(self) -> Released:
        if self._keep.closed:
            raise CleanupError(f"lease {self.id} was given up before, and what came of it was not waited for")
        try:
            self._keep.write(b"release known\n" if self.known else b"release\n")
            said = self._answer()
        except OSError:
            said = None
        if said is None:
            raise CleanupError(
                f"the process that held lease {self.id} ended without an answer: {self._complaint(None)}; "
                "the next `tbengine run` deletes what is left"
            )
        return Released._of(said)

    def _answer(self) -> dict[str, Any] | None:
        line = self._answers.readline()
        try:
            said = json.loads(line) if line else None
        except ValueError:
            said = None
        return said if isinstance(said, dict) and "lease" in said else None

    def _complaint(self, code: int | None) -> str:
        self._said.seek(0)
        text = self._said.read().decode(errors="replace").strip()
        return text or ("it said nothing" if not code else f"it ended with exit code {code}")

    def _close(self) -> None:
        _held.discard(self)
        for file in (self._keep, self._answers, self._said):
            file.close()


# A child that is forked gets a copy of the pipe, and would keep the lease live after its parent's death.
# So the child closes it, and no fork happens while a pipe is made that is not noted yet.
_forking = threading.RLock()
_held: weakref.WeakSet[Lease] = weakref.WeakSet()


def _in_child() -> None:
    global _forking
    _forking = threading.RLock()
    for lease in list(_held):
        lease._close()


os.register_at_fork(
    before=lambda: _forking.acquire(),
    after_in_parent=lambda: _forking.release(),
    after_in_child=_in_child,
)


def arguments(
    *,
    backend: str | Sequence[str] | None,
    run_id: str | None,
    labels: Mapping[str, str] | None,
    own: str,
    job_dirs: Sequence[Path],
    claims: Sequence[str],
    images: bool,
    settle_time: timedelta | None,
    config: Path | None,
    state_dir: Path | None,
) -> list[str]:
    """The arguments of ``tbengine lease hold`` for these terms."""
    backends = [backend] if isinstance(backend, str) else list(backend or ())
    written = [f"--backend={one}" for one in backends]
    for key, value in (labels or {}).items():
        if not key or "=" in key:
            raise ValueError(f"a label cannot have the key {key!r}")
        written.append(f"--label={key}={value}")
    written.append(f"--own={own}")
    written.extend(f"--job-dir={os.fspath(path)}" for path in job_dirs)
    written.extend(f"--claim={one}" for one in claims)
    if not images:
        written.append("--no-images")
    if run_id is not None:
        written.append(f"--run-id={run_id}")
    if settle_time is not None:
        written.append(f"--settle-time={round(settle_time / timedelta(milliseconds=1))}ms")
    if config is not None:
        written.append(f"--config={os.fspath(config)}")
    if state_dir is not None:
        written.append(f"--state-dir={os.fspath(state_dir)}")
    return written
