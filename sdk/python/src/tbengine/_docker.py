"""A Docker container for a block of code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._errors import CleanupError
from ._guard import guard
from ._lease import Lease
from ._threaded import Threaded

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container


@contextmanager
def managed_docker_container(
    image: str | None = None,
    command: str | Sequence[str] | None = None,
    *,
    container: str | Container | None = None,
    client: DockerClient | None = None,
    backend: str = "docker",
    guard_with: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Iterator[Container]:
    """Runs a container, or adopts one that exists, and removes it when the block ends or its process dies.

    ``container`` is the container to adopt, or its name or id. A name alone adopts as well:
    ``managed_docker_container("container-456")`` is about the container of that name, if there is one and no image
    of that name. Otherwise ``image`` is run; ``kwargs`` are those of ``client.containers.run``, and the container is
    always detached. ``guard_with`` holds further arguments of :func:`tbengine.guard`. ``backend`` is the name in
    tbengine's configuration of the daemon that ``client`` talks to; both go by ``DOCKER_HOST`` unless set
    otherwise. Needs ``tbengine[docker]``.
    """
    import docker

    if "detach" in kwargs:
        raise TypeError("the container is always detached; read its output with container.logs()")
    if (image is None) == (container is None):
        raise TypeError("name either an image to run or a container to adopt")
    if container is not None and (command is not None or kwargs):
        raise TypeError("a container that exists is adopted as it is")
    used = docker.from_env() if client is None else client
    try:
        adopted = _existing(used, image, command, container, kwargs)
        claims = [] if adopted is None else [adopted.id]
        with guard(backend=backend, **{**(guard_with or {}), "claims": claims}) as lease:
            if adopted is None:
                kwargs["labels"] = _labels(kwargs.get("labels"), lease)
                made = used.containers.run(image, command, detach=True, **kwargs)
            else:
                made = adopted
            # The daemon has answered, so nothing is still on its way.
            lease.known = True
            yield made
        try:
            used.containers.get(made.id)
        except docker.errors.NotFound:
            return
        raise CleanupError(
            f"container {made.short_id} is still there: the client and tbengine's backend `{backend}` "
            "do not speak to the same daemon"
        )
    finally:
        if client is None:
            used.close()


def amanaged_docker_container(*arguments: Any, **kwargs: Any) -> Threaded[Container]:
    """The same for ``async with``: the loop goes on meanwhile."""
    return Threaded(managed_docker_container(*arguments, **kwargs))


def _existing(
    client: DockerClient,
    image: str | None,
    command: str | Sequence[str] | None,
    container: str | Container | None,
    kwargs: Mapping[str, Any],
) -> Container | None:
    """The container that is meant, if one that exists is."""
    import docker

    if container is not None:
        return client.containers.get(container) if isinstance(container, str) else container
    if command is not None or kwargs:
        return None
    try:
        found = client.containers.get(image)
    except docker.errors.APIError:
        return None
    # The beginning of an id may be that of many; a name is whole.
    if image not in (found.name, found.id):
        return None
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return found
    return None


def _labels(given: Mapping[str, str] | Sequence[str] | None, lease: Lease) -> dict[str, str]:
    """The labels of the caller, which may be a list of keys, and the one of the lease."""
    labels = given if isinstance(given, Mapping) else {key: "" for key in given or ()}
    return {**labels, **lease.label}
