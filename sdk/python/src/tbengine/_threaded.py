"""What blocks, for code that must not."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Threaded(Generic[T]):
    """A context manager for ``async with``, which enters and leaves it in a thread."""

    def __init__(self, inner: AbstractContextManager[T]) -> None:
        self._inner = inner

    async def __aenter__(self) -> T:
        entering = asyncio.ensure_future(asyncio.to_thread(self._inner.__enter__))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            # The thread cannot be stopped; what it makes is given up.
            entering.add_done_callback(self._give_up)
            raise

    def _give_up(self, entered: asyncio.Future[T]) -> None:
        if entered.cancelled() or entered.exception() is not None:
            return
        threading.Thread(target=self._inner.__exit__, args=(None, None, None)).start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await asyncio.to_thread(self._inner.__exit__, kind, error, trace)
