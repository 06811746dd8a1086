"""The columns of the history report: their stable keys, their headings, and the text of each cell in one of two styles.

`codes` (CSV) is for machines: stored codes, keys of referenced records, moments in ISO 8601 with their offset, keys as
headings. `words` (XLSX, pages) is for people: the words of the reader's language, labels, the desk's clock.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action, DecisionKind, Reason, State
from corrections.reports.details import Details
from corrections.reports.history import KEYED_BLINDLY, NOT_RECORDED, FieldChange
from corrections.roles import Role
from corrections.selectors import display
from corrections.selectors.blind import HIDDEN


@dataclass
class Style:
    """How values look. `labels` name referenced records and scopes by model label and key, for people only."""

    is_words: bool
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    _last: tuple[dt.datetime | None, str] = (None, "")

    def moment(self, at: dt.datetime | None) -> str:
        # All lines of a history row carry the very same moment.
        if at is not self._last[0]:
            self._last = (at, self._moment(at))
        return self._last[1]

    def _moment(self, at: dt.datetime | None) -> str:
        if at is None:
            return ""
        return display.moment(at) if self.is_words else timezone.localtime(at).isoformat()

    def choice(self, kind: Any, code: str) -> str:
        return str(kind(code).label) if self.is_words and code in kind.values else code

    def value(self, change: FieldChange, value: Any) -> str:
        if value is NOT_RECORDED:
            return str(gettext("(not recorded)")) if self.is_words else "(not recorded)"
        if value is KEYED_BLINDLY:
            return HIDDEN
        if value is None or value == "":
            return ""
        column = change.entry.columns(change.field)[-1]
        if self.is_words:
            return display.shown(change.entry, change.field, {column: value}, self.labels)
        return self._code(change, value)

    def _code(self, change: FieldChange, value: Any) -> str:
        spec = change.entry.fields.get(change.field)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        return spec.mask(text) if spec and spec.mask else text

    def scope(self, key: str) -> str:
        model, _colon, pk = key.partition(":")
        return self.labels.get((model, pk), key) if self.is_words else key

    def record(self, change: FieldChange) -> str:
        return change.record or self.labels.get((change.entry.key, change.pk), "")

    def kind(self, change: FieldChange) -> str:
        return str(change.entry.model._meta.verbose_name) if self.is_words else change.entry.key

    def field(self, change: FieldChange) -> str:
        return change.entry.verbose_name(change.field) if self.is_words else change.field


Heading = tuple[str, str | Promise]

OWN: tuple[tuple[Heading, Callable[[Style, FieldChange], str]], ...] = (
    (("when", _("when")), lambda style, change: style.moment(change.when)),
    (("record_kind", _("kind of record")), lambda style, change: style.kind(change)),
    (("record_key", _("key of the record")), lambda style, change: change.pk),
    (("record", _("record")), lambda style, change: style.record(change)),
    (("branch", _("branch")), lambda style, change: style.scope(change.scope)),
    (("field", _("field")), lambda style, change: style.field(change)),
    (("before", _("before")), lambda style, change: style.value(change, change.before)),
    (("after", _("after")), lambda style, change: style.value(change, change.after)),
    (("action", _("action")), lambda style, change: style.choice(Action, change.action)),
    (("source", _("source")), lambda style, change: change.source),
    (("written_by", _("written by")), lambda style, change: change.actor),
    (("history_id", _("history row")), lambda style, change: str(change.history_id or "")),
)

OF_CORRECTION: tuple[tuple[Heading, Callable[[Style, Details], str]], ...] = (
    (("correction", _("correction")), lambda style, found: found.facts.number or ""),
    (("state", _("state")), lambda style, found: style.choice(State, found.facts.state)),
    (("revision", _("revision")), lambda style, found: str(found.facts.revision)),
    (("reason", _("reason")), lambda style, found: style.choice(Reason, found.facts.reason)),
    (("note", _("note")), lambda style, found: lines(found.facts.note)),
    (("ticket", _("ticket")), lambda style, found: found.facts.ticket),
    (("incident", _("incident")), lambda style, found: found.incident),
    (("maker", _("maker")), lambda style, found: found.facts.maker_name),
    (("submitted_at", _("submitted at")), lambda style, found: style.moment(found.facts.submitted_at)),
    (("returns", _("returned before")), lambda style, found: "\n".join(_return(style, one) for one in found.returns)),
    (("evidence", _("evidence")), lambda style, found: "\n".join(name for name, _digest in found.evidence)),
    (("evidence_sha256", _("SHA-256 of the evidence")), lambda style, found: _digests(found)),
    (("policy", _("approval policy")), lambda style, found: found.policy),
    (("reverts", _("reverts")), lambda style, found: found.facts.reverts__number or ""),
    (("reverted_by", _("reverted by")), lambda style, found: "\n".join(found.reverted_by)),
    (("applied_at", _("applied at")), lambda style, found: style.moment(found.facts.applied_at)),
    (("outcome", _("outcome")), lambda style, found: lines(found.facts.outcome_note)),
)
# What a reader sees of a correction that touches other branches too; its note and files are not for him.
OF_HIDDEN = ("correction", "state")

OF_SIGNATURE: tuple[tuple[Heading, Callable[[Style, Any], str]], ...] = (
    (("role", _("role")), lambda style, one: style.choice(Role, one.role)),
    (("person", _("person")), lambda style, one: one.person_name),
    (("decision", _("decision")), lambda style, one: style.choice(DecisionKind, one.kind)),
    (("at", _("at")), lambda style, one: style.moment(one.decided_at)),
    (("comment", _("comment")), lambda style, one: lines(one.comment)),
    (("confirmed", _("lines compared with the evidence")), lambda style, one: ", ".join(map(str, one.confirmed))),
)


def headings(style: Style, signatures: int) -> list[str]:
    """One heading per column: `signatures` groups of columns, one per signature, stand at the end."""
    fixed = [heading for heading, _cell in (*OWN, *OF_CORRECTION)]
    if not style.is_words:
        steps = [f"step_{n}_{key}" for n in range(1, signatures + 1) for (key, _label), _cell in OF_SIGNATURE]
        return [key for key, _label in fixed] + steps
    step = gettext("step %(number)s: %(what)s")
    numbers = range(1, signatures + 1)
    steps = [step % {"number": n, "what": label} for n in numbers for (_key, label), _cell in OF_SIGNATURE]
    return [str(label) for _key, label in fixed] + steps


def own_cells(style: Style, change: FieldChange) -> list[str]:
    return [cell(style, change) for _heading, cell in OWN]


def correction_cells(style: Style, found: Details | None, signatures: int) -> list[str]:
    """The cells that all lines of a correction share; empty ones for a line that belongs to none."""
    if found is None:
        return [""] * (len(OF_CORRECTION) + signatures * len(OF_SIGNATURE))
    if not found.is_visible:
        cells = [cell(style, found) if key in OF_HIDDEN else "" for (key, _label), cell in OF_CORRECTION]
        return cells + [""] * (signatures * len(OF_SIGNATURE))
    cells = [cell(style, found) for _heading, cell in OF_CORRECTION]
    return cells + _signature_cells(style, found.signatures, signatures)


def _signature_cells(style: Style, signed: Sequence[Any], signatures: int) -> list[str]:
    given = [cell(style, one) for one in signed[:signatures] for _heading, cell in OF_SIGNATURE]
    return given + [""] * (signatures * len(OF_SIGNATURE) - len(given))


def _return(style: Style, one: Any) -> str:
    comment = " ".join(one.comment.split())
    role = style.choice(Role, one.role)
    return f"r{one.revision} {style.moment(one.decided_at)} {role} {one.person_name}: {comment}"


def _digests(found: Details) -> str:
    return "\n".join(digest for _name, digest in found.evidence)


def lines(text: str) -> str:
    """A text with one kind of line end, as a browser or a mail may have sent another."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
