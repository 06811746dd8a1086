"""What moved between two revisions of a correction, read from the contents that were signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from corrections.choices import Reason
from corrections.models import Revision
from corrections.registry import Entry, registry
from corrections.selectors import display

Content = Mapping[str, Any]
SHORT_CHARS_MAX = 80  # what still reads well in a line with others


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was: what, before, and now ("" where there was or is nothing)."""

    label: str
    before: str
    after: str

    @property
    def is_long(self) -> bool:
        return len(self.before) + len(self.after) > SHORT_CHARS_MAX


def differences(before: Revision, after: Revision) -> list[Difference]:
    """Changes, texts and evidence that differ between two submissions."""
    old, new = before.content, after.content
    return [*_of_changes(old, new), *_of_texts(old, new), *_of_evidence(old, new)]


def _of_texts(old: Content, new: Content) -> Iterator[Difference]:
    words = dict(Reason.choices)
    for name, label in (("reason", _("reason")), ("note", _("note")), ("ticket", _("ticket"))):
        if old[name] != new[name]:
            yield Difference(label, str(words.get(old[name], old[name])), str(words.get(new[name], new[name])))


def _of_evidence(old: Content, new: Content) -> Iterator[Difference]:
    was, now = ({item["sha256"]: item["name"] for item in content["evidence"]} for content in (old, new))
    for digest in was.keys() - now.keys():
        yield Difference(_("evidence"), was[digest], "")
    for digest in now.keys() - was.keys():
        yield Difference(_("evidence"), "", now[digest])


def _of_changes(old: Content, new: Content) -> Iterator[Difference]:
    was, now = _by_target(old), _by_target(new)
    labels = display.labels_of(
        (entry, change[side])
        for change in [*was.values(), *now.values()]
        for side in ("old", "new")
        if (entry := registry.get(change["model"])) is not None
    )
    for key in [*was, *(key for key in now if key not in was)]:
        before, after = was.get(key), now.get(key)
        entry = registry.get(key[0])
        if before is None or after is None:
            yield Difference(_("record"), _name(before), _name(after))
        elif entry is not None:
            yield from _of_fields(entry, before, after, labels)


def _by_target(content: Content) -> dict[tuple[str, str], Content]:
    """A row by its key; one that is created has none yet, and goes by its place among those of its model."""
    found: dict[tuple[str, str], Content] = {}
    for change in content["changes"]:
        place = sum(1 for model, key in found if model == change["model"] and key.startswith("+"))
        found[change["model"], change["pk"] or f"+{place}"] = change
    return found


def _name(change: Content | None) -> str:
    return "" if change is None else str(change["label"])


def _of_fields(entry: Entry, before: Content, after: Content, labels: display.Labels) -> Iterator[Difference]:
    """Values that are typed anew, and those in the table that are not what the earlier signatures saw."""
    for name in entry.display_fields():
        label = f"{after['label']} · {entry.verbose_name(name)}"
        if _is_in(entry, name, before["old"]) and _is_in(entry, name, after["old"]):
            yield from _of_side("old", f"{label} ({_('now')})", entry, name, before, after, labels)
        yield from _of_side("new", label, entry, name, before, after, labels)


def _of_side(
    side: str, label: str, entry: Entry, name: str, before: Content, after: Content, labels: display.Labels
) -> Iterator[Difference]:
    if any(before[side].get(column) != after[side].get(column) for column in entry.columns(name)):
        yield Difference(label, *(_shown(entry, name, change[side], labels) for change in (before, after)))


def _is_in(entry: Entry, name: str, values: Mapping[str, Any]) -> bool:
    return any(column in values for column in entry.columns(name))


def _shown(entry: Entry, name: str, values: Mapping[str, Any], labels: display.Labels) -> str:
    return display.shown(entry, name, dict(values), labels) or display.EMPTY if _is_in(entry, name, values) else ""
