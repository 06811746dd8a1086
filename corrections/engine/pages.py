"""The changes of a batch, page by page in order of position, so that a million rows need no more memory than one page.

Keyset pages, each a statement of its own: no cursor stays open over what is done with a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from corrections.conf import limits
from corrections.models import Change, Correction


def pages(changes: QuerySet[Change], *, size: int | None = None) -> Iterator[list[Change]]:
    """Lists of at most `size` changes, whatever becomes of them meanwhile."""
    rows = size or limits.BATCH_STAGE_ROWS
    after = -1
    while page := list(changes.filter(position__gt=after).order_by("position")[:rows]):
        yield page
        if len(page) < rows:
            return
        after = page[-1].position


def span(changes: QuerySet[Change]) -> tuple[int, int]:
    """The first and the last position; of nothing (0, -1)."""
    first = changes.order_by("position").values_list("position", flat=True).first()
    last = changes.order_by("-position").values_list("position", flat=True).first()
    return (0, -1) if first is None or last is None else (first, last)


def ranges(correction: Correction, *, size: int) -> Iterator[tuple[int, int]]:
    """First and last position of every `size` changes."""
    changes = Change.objects.filter(correction=correction).order_by("position").values_list("position", flat=True)
    after = -1
    while True:
        rest = changes.filter(position__gt=after)
        first = rest.first()
        if first is None:
            return
        last = next(iter(rest[size - 1 : size]), None)
        after = last if last is not None else rest.reverse()[:1].get()
        yield first, after
