"""Python's search for cycles, left out while rows by the thousand are made and dropped."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """What a lot of rows leaves behind goes by its reference counts; looking for cycles takes a third of the time.

    It is the process's switch: other threads do without for a few seconds, which costs them nothing but memory.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
