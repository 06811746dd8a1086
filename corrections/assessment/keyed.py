"""Which of the changed fields are keyed blindly: asked by whoever takes the keying, and by whoever hides the values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from corrections.choices import Action
from corrections.engine import rows
from corrections.models import Change
from corrections.registry import Entry, registry

Keyed = tuple[Change, Entry, str]


def fields_to_key(names: Collection[str], changes: Iterable[Change]) -> Iterator[Keyed]:
    """The changed fields that are named, as ``field`` or ``model.field``; never a reference to another change."""
    for change in changes:
        entry = registry.get(change.target_model)
        if change.action == Action.DELETE or entry is None:
            continue
        for name in rows.fields_of(entry, change.new):
            is_named = name in names or f"{entry.key}.{name}" in names
            value = change.new[entry.columns(name)[0]]
            # What is emptied, or was left empty, can't be typed by anybody.
            if is_named and value not in (None, "") and not rows.is_placeholder(value):
                yield change, entry, name
