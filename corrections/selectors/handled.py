"""Who handled the records of a correction and therefore neither makes nor signs it (查核不返原岗)."""

from __future__ import annotations

from collections.abc import Sequence

from corrections.assessment.subject import view_of
from corrections.models import Change
from corrections.registry import registry
from corrections.selectors.changes import Live


def barred(changes: Sequence[Change], live: Live) -> frozenset[int]:
    """People who booked, reconciled or own one of the records, before or after, where its model bars them."""
    found: set[int] = set()
    for change in changes:
        entry = registry.get(change.target_model)
        if entry is None or not entry.config.bars_handlers:
            continue
        view = view_of(entry, change, live.get((change.target_model, change.target_pk)))
        for row in filter(None, (view.before, view.after)):
            found.update(pk for pk in entry.config.handlers(row) if pk)
    return frozenset(found)
