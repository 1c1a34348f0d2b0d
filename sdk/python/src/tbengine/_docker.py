"""A Docker container for a block of code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._errors import CleanupError
from ._guard import guard
from ._lease import Lease

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container


@contextmanager
def managed_docker_container(
    image: str,
    command: str | Sequence[str] | None = None,
    *,
    client: DockerClient | None = None,
    backend: str = "docker",
    guard_with: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Iterator[Container]:
    """Runs a container, and removes it when the block ends or its process dies.

    ``kwargs`` are those of ``client.containers.run``, and the container is always detached. ``guard_with``
    holds further arguments of :func:`tbengine.guard`. ``backend`` is the name in tbengine's configuration of
    the daemon that ``client`` speaks to; both go by ``DOCKER_HOST`` unless told otherwise. Needs
    ``tbengine[docker]``.
    """
    import docker

    if "detach" in kwargs:
        raise TypeError("the container is always detached; read its output with container.logs()")
    used = docker.from_env() if client is None else client
    try:
        with guard(backend=backend, **(guard_with or {})) as lease:
            kwargs["labels"] = _labels(kwargs.get("labels"), lease)
            container = used.containers.run(image, command, detach=True, **kwargs)
            yield container
        try:
            used.containers.get(container.id)
        except docker.errors.NotFound:
            return
        raise CleanupError(
            f"container {container.short_id} is still there: the client and tbengine's backend `{backend}` "
            "do not speak to the same daemon"
        )
    finally:
        if client is None:
            used.close()


def _labels(given: Mapping[str, str] | Sequence[str] | None, lease: Lease) -> dict[str, str]:
    """The labels of the caller, which may be a list of keys, and the one of the lease."""
    labels = given if isinstance(given, Mapping) else {key: "" for key in given or ()}
    return {**labels, **lease.label}
