"""The file that a maker downloads to fill in: the record's key, and for each field its present and its new value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from corrections.conf import limits
from corrections.registry import Entry
from corrections.staging.columns import NEW, NOW, key_fields, value_fields
from corrections.staging.showing import Shown


def template_key(entry: Entry) -> str:
    """The field by which people know a record: a unique text where there is one, else the database's key."""
    names = [str(f.name) for f in key_fields(entry) if not f.primary_key and f.editable]
    by_label = [name for name in names if name in entry.config.search_fields]
    return next(iter([*by_label, *names, str(entry.model._meta.pk.name)]))


def template_header(entry: Entry) -> list[str]:
    """A key, then every correctable field twice: as it is now, which is compared, and as it should be."""
    header = [template_key(entry)]
    for name in value_fields(entry):
        header += [_new(entry, name)] if _is_hidden(entry, name) else [name + NOW, _new(entry, name)]
    return header


def _new(entry: Entry, name: str) -> str:
    """A field that also says which record it is needs another word for its new value."""
    return name + NEW if name in {str(f.name) for f in key_fields(entry)} else name


def _is_hidden(entry: Entry, name: str) -> bool:
    """What people see masked leaves in no file."""
    return entry.is_secret(name) or entry.fields[name].mask is not None


def template_rows(entry: Entry, rows: Iterable[Any] | None = None) -> Iterator[list[str]]:
    """The header, and a line for each of these records: present values filled in, new ones left empty.

    What is masked is never filled in; an empty cell means that a field stays as it is.
    """
    yield template_header(entry)
    key = Shown(entry, template_key(entry))
    fields = [None if _is_hidden(entry, name) else Shown(entry, name) for name in value_fields(entry)]
    for row in _streamed(rows):
        line = [key.of(row)]
        for shown in fields:
            line += [""] if shown is None else [shown.of(row), ""]
        yield line


def _streamed(rows: Iterable[Any] | None) -> Iterable[Any]:
    if isinstance(rows, QuerySet):
        return rows.iterator(chunk_size=limits.BATCH_STAGE_ROWS)
    return rows or ()
