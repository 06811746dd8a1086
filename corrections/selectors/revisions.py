"""What moved between two revisions of a correction, read from the contents that were signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from corrections.choices import OnBadRow, Reason
from corrections.models import Revision
from corrections.registry import Entry, registry
from corrections.selectors import display
from corrections.selectors.blind import HIDDEN, Blind

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


def differences(before: Revision, after: Revision, hidden: Blind) -> list[Difference]:
    """Changes, texts and evidence that differ between two submissions, without what is hidden from the reader."""
    old, new = before.content, after.content
    found = [*_of_batch(old, new), *_of_changes(old, new, hidden), *_of_texts(old, new), *_of_evidence(old, new)]
    return [Difference(*map(hidden.clean, (one.label, one.before, one.after))) for one in found]


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


def _of_batch(old: Content, new: Content) -> Iterator[Difference]:
    """A batch's rows are signed by the root over them: told is that they differ, and what they are in number."""
    was, now = old.get("batch") or {}, new.get("batch") or {}
    words = dict(OnBadRow.choices)
    labels = (("filename", _("file")), ("rows", _("rows")), ("bad_rows", _("bad rows")), ("on_bad_row", _("a bad row")))
    found = [
        Difference(label, *(str(words.get(one, one)) for one in (was.get(name, ""), now.get(name, ""))))
        for name, label in labels
        if was.get(name) != now.get(name)
    ]
    if was.get("root") != now.get("root") and not found:
        found = [Difference(_("rows"), _("as they were"), _("with other values"))]
    yield from found


def _of_changes(old: Content, new: Content, hidden: Blind) -> Iterator[Difference]:
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
            yield from _of_fields(entry, before, after, labels, hidden)


def _by_target(content: Content) -> dict[tuple[str, str], Content]:
    """A row by its key; one that is created has none yet, and goes by its place among those of its model."""
    found: dict[tuple[str, str], Content] = {}
    for change in content.get("changes", ()):
        place = sum(1 for model, key in found if model == change["model"] and key.startswith("+"))
        found[change["model"], change["pk"] or f"+{place}"] = change
    return found


def _name(change: Content | None) -> str:
    return "" if change is None else str(change["label"])


def _of_fields(
    entry: Entry, before: Content, after: Content, labels: display.Labels, hidden: Blind
) -> Iterator[Difference]:
    """Values that are typed anew, and those in the table that are not what the earlier signatures saw."""
    for name in entry.display_fields():
        label = f"{after['label']} · {entry.verbose_name(name)}"
        if _is_in(entry, name, before["old"]) and _is_in(entry, name, after["old"]):
            yield from _of_side("old", f"{label} ({_('now')})", entry, name, before, after, labels)
        for one in _of_side("new", label, entry, name, before, after, labels):
            yield Difference(one.label, HIDDEN, HIDDEN) if hidden.hides_field(entry, name) else one


def _of_side(
    side: str, label: str, entry: Entry, name: str, before: Content, after: Content, labels: display.Labels
) -> Iterator[Difference]:
    if any(before[side].get(column) != after[side].get(column) for column in entry.columns(name)):
        yield Difference(label, *(_shown(entry, name, change[side], labels) for change in (before, after)))


def _is_in(entry: Entry, name: str, values: Mapping[str, Any]) -> bool:
    return any(column in values for column in entry.columns(name))


def _shown(entry: Entry, name: str, values: Mapping[str, Any], labels: display.Labels) -> str:
    return display.shown(entry, name, dict(values), labels) or display.EMPTY if _is_in(entry, name, values) else ""
