"""The checks that every correction passes, whatever it corrects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from corrections.checks.base import NAMED_MAX, Check, Finding, Subject, passed, say, verdict, warned
from corrections.choices import ROW_APPLIED, Action, State
from corrections.models import Change, Correction, FieldHold
from corrections.permissions import scope_key_of
from corrections.registry import registry

# Where what was asked for came to pass.
DONE = (State.APPLIED, State.REVERTED, State.STOPPED)
# Rows of a batch that were left out wrote nothing; outcomes are kept since there are batches.
WRITTEN = Q(outcome=ROW_APPLIED) | Q(outcome="", correction__state__in=(State.APPLIED, State.REVERTED))


class RecordIsThere(Check):
    code = "record_is_there"
    title = _("the record exists")

    def look(self, subject: Subject) -> Finding:
        gone = [c.target_label for c in subject.changes if c.action != Action.CREATE and subject.live.get(c.pk) is None]
        return verdict(gone, _("not there any more: %(what)s"), _("every record is there"))


class ValueIsUnchanged(Check):
    """Nothing moved since the maker looked (I-04)."""

    code = "value_is_unchanged"
    title = _("the live value is the old value")

    def look(self, subject: Subject) -> Finding:
        stale = list(subject.stale.values())
        return verdict(stale, _("changed meanwhile: %(what)s"), _("live values are the old values"))


class ScopeIsUnchanged(Check):
    """A record that went to another branch meanwhile is not signed by the people of the old one."""

    code = "scope_is_unchanged"
    title = _("the record belongs where it did")

    def look(self, subject: Subject) -> Finding:
        moved = []
        for change in subject.changes:
            entry, row = registry.get(change.target_model), subject.live.get(change.pk)
            if entry is not None and row is not None and scope_key_of(entry, row) != change.scope_before:
                moved.append(change.target_label)
        text = _("went to another branch meanwhile: %(what)s. Propose it anew.")
        return verdict(moved, text, _("every record belongs where it did"))


class SomethingChanges(Check):
    code = "something_changes"
    title = _("something changes")

    def look(self, subject: Subject) -> Finding:
        idle = [c.target_label for c in subject.changes if c.action == Action.UPDATE and c.old == c.new]
        return verdict(idle, _("nothing changes: %(what)s"), _("every change changes something"))


class FieldsAreCorrectable(Check):
    code = "fields_are_correctable"
    title = _("fields and actions are correctable")

    def look(self, subject: Subject) -> Finding:
        wrong = []
        for change in subject.changes:
            entry = registry.get(change.target_model)
            if entry is None or change.action not in entry.actions:
                wrong.append(change.target_label)
            elif change.action == Action.UPDATE and not subject.correction.reverts_id:
                fields = {entry.field_of_column(column) for column in change.new}
                wrong += [entry.verbose_name(name) for name in sorted(fields - set(entry.fields))]
        return verdict(wrong, _("not correctable: %(what)s"), _("fields and actions are correctable"))


class SameChangeSeen(Check):
    """The same record was once corrected to the same values: perhaps the same request came twice."""

    code = "same_change_seen"
    title = _("not asked for before")
    is_external = True

    def look(self, subject: Subject) -> Finding:
        updates = [change for change in subject.changes if change.action == Action.UPDATE]
        if not updates or subject.correction.reverts_id:
            return passed(_("not asked for before"))
        wanted = _of_targets(updates)
        new = {(c.target_model, c.target_pk): _told(c) for c in subject.changes}
        earlier = Change.objects.filter(wanted, WRITTEN, action=Action.UPDATE, correction__state__in=DONE)
        earlier = earlier.exclude(correction=subject.correction.pk).order_by("-id").select_related("correction")
        same = [c for c in earlier[: max(100, 5 * len(updates))] if _told(c) == new[c.target_model, c.target_pk]]
        numbers = list(dict.fromkeys(str(c.correction.number) for c in same))[:5]
        if numbers:
            text = say(_("the same change was made before: %(what)s"), what=", ".join(numbers))
            return warned(text, corrections=numbers)
        return passed(_("not asked for before"))


class FieldsAreFree(Check):
    """No other open correction holds the same fields (I-03); submission is refused by the hold itself."""

    code = "fields_are_free"
    title = _("no other open correction on the same data")
    is_external = True

    def look(self, subject: Subject) -> Finding:
        by_fields: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
        for change in subject.changes:
            entry = registry.get(change.target_model)
            if change.target_pk and entry is not None:
                columns = change.new if change.action == Action.UPDATE else entry.all_columns()
                names = {entry.field_of_column(column) for column in columns}
                by_fields[change.target_model, tuple(sorted(names))].append(change.target_pk)
        wanted = Q()
        for (model, fields), pks in by_fields.items():
            wanted |= Q(target_model=model, target_pk__among=frozenset(pks), field__in=fields)
        held = FieldHold.objects.filter(wanted) if wanted else FieldHold.objects.none()
        others = held.exclude(correction=subject.correction.pk).values_list("correction__number", flat=True)
        numbers = sorted({str(number) for number in others})
        return verdict(numbers, _("already open on the same data: %(what)s"), _("no other open correction on it"))


class SameFileSeen(Check):
    """The same paper once carried another correction of the same record: perhaps the request came twice."""

    code = "same_file_seen"
    title = _("evidence not used before")
    is_external = True

    def look(self, subject: Subject) -> Finding:
        fine = passed(_("this evidence carried no other correction of these records"))
        existing = [change for change in subject.changes if change.target_pk]
        if not existing or subject.correction.reverts_id:
            return fine
        wanted = _of_targets(existing, "changes__")
        files = subject.correction.evidence.filter(removed_at__isnull=True).values("file")
        others = Correction.objects.filter(wanted, state__in=DONE, evidence__file__in=files)
        others = others.exclude(pk=subject.correction.pk).values_list("number", flat=True).distinct().order_by()
        numbers = sorted(str(number) for number in others[:NAMED_MAX])
        if not numbers:
            return fine
        text = say(
            _("this evidence already carried a correction of the same record: %(what)s"), what=", ".join(numbers)
        )
        return warned(text, corrections=numbers)


def _of_targets(changes: Sequence[Change], prefix: str = "") -> Q:
    """Changes of the records that these change; one condition for each kind of record."""
    by_model: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        by_model[change.target_model].append(change.target_pk)
    found = Q()
    for model, pks in by_model.items():
        found |= Q(**{f"{prefix}target_model": model, f"{prefix}target_pk__among": frozenset(pks)})
    return found


def _told(change: Change) -> dict[str, object]:
    """New values that compare: a secret by its index, for its ciphertext is another each time."""
    entry = registry.get(change.target_model)
    if entry is None:
        return dict(change.new)
    return {
        column: value
        for column, value in change.new.items()
        if not entry.is_secret(entry.field_of_column(column)) or column.endswith("_index")
    }


BUILT_IN: tuple[type[Check], ...] = (
    RecordIsThere,
    ValueIsUnchanged,
    ScopeIsUnchanged,
    SomethingChanges,
    FieldsAreCorrectable,
    SameChangeSeen,
    SameFileSeen,
    FieldsAreFree,
)
