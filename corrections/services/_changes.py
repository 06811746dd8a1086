"""Builds the rows of Change: what a maker asks for, parsed, compared with the locked row, and checked for rights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.choices import Action, Impact, Owner
from corrections.conf import limits
from corrections.engine import rows, values
from corrections.engine.proposals import (
    ActionNotAllowed,
    CustomerMustDeclare,
    FieldNotCorrectable,
    ModelNotCorrectable,
    NothingChanges,
    describe,
    scope_key_told,
    sealed,
    validate,
)
from corrections.errors import InvalidInput, NotAllowed
from corrections.models import Change, Correction, CorrectionScope
from corrections.permissions import COMPANY, CONTROL, may_propose, may_see_record
from corrections.policies import Atom, in_force, may_be_typed
from corrections.registry import Entry, registry
from corrections.services._door import Act

Image = rows.Image


class OutsideYourScope(NotAllowed):
    code = "record_is_outside_your_scope"


@dataclass
class Wish:
    """What is asked for one row, before it becomes a Change."""

    entry: Entry
    action: str
    target: models.Model | None
    values: Mapping[str, Any]


def wish(
    *, target: models.Model | None, model: type[models.Model] | None, action: str, values: Mapping[str, Any]
) -> Wish:
    """Checks the shape of a request, whatever was passed. Raises InvalidInput."""
    if not isinstance(action, str):
        raise ActionNotAllowed
    entry = entry_named(target, model)
    if action not in entry.actions or (target is None) != (action == Action.CREATE):
        raise ActionNotAllowed
    named = named_values(entry, values)
    if action == Action.DELETE and named:
        raise InvalidInput(_("A record that is deleted takes no new values."), code="delete_takes_no_values")
    key = entry.model._meta.pk
    if action == Action.UPDATE and key is not None and key.name in named:
        raise FieldNotCorrectable(field=key.name, label=entry.verbose_name(key.name))
    return Wish(entry, action, target, named)


def entry_named(target: Any, model: Any) -> Entry:
    """The entry of what is named: a loaded record, a model, or both when they agree."""
    kinds = [kind for kind in (model, None if target is None else type(target)) if kind is not None]
    is_known = not isinstance(target, str | type) and all(_is_kind_of_record(kind) for kind in kinds)
    entries = {registry.get(kind) for kind in kinds} if is_known else set()
    entry = entries.pop() if len(entries) == 1 else None
    if entry is None:
        raise ModelNotCorrectable
    return entry


def _is_kind_of_record(kind: Any) -> bool:
    return isinstance(kind, str) or (isinstance(kind, type) and issubclass(kind, models.Model))


def named_values(entry: Entry, wanted: Any) -> dict[str, Any]:
    """Values by field name. A field that is named twice, once by its column, would leave it open which one holds."""
    if not isinstance(wanted, Mapping):
        raise InvalidInput(_("Give the new values by field name."), code="values_not_readable", field="values")
    named: dict[str, Any] = {}
    for name, value in wanted.items():
        field = _field_name(entry, name)
        if field in named:
            raise InvalidInput(
                _("%(label)s is given twice."), code="value_given_twice", field=field, label=entry.verbose_name(field)
            )
        named[field] = value
    return named


def _field_name(entry: Entry, name: Any) -> str:
    if isinstance(name, str) and name in entry.fields:
        return name
    by_column = {entry.columns(field)[0]: field for field in entry.fields if not entry.is_secret(field)}
    if name not in by_column:
        raise FieldNotCorrectable(field="", label=_("A field that is not on the list"))
    return by_column[name]


def build(act: Act, request: Wish) -> Change:
    """The unsaved Change for a request. Rights are needed on the scopes before and after."""
    if act.correction.changes.count() >= limits.CHANGES_MAX:
        raise InvalidInput(
            _("A correction holds at most %(max)s records. Split it."), code="too_many_changes", max=limits.CHANGES_MAX
        )
    _demand_may_type(request)
    _demand_may_refer(act, request)
    builders = {Action.UPDATE: _update, Action.CREATE: _create, Action.DELETE: _delete}
    change, before, after = builders[Action(request.action)](act, request)
    change.correction = act.correction
    change.position = next_position(act.correction)
    describe(request.entry, change, before, after)
    demand_rights(act, request.entry, change)
    return change


def _demand_may_type(request: Wish) -> None:
    """Refused early where no policy in force could allow it; submission asks the one that holds."""
    entry = request.entry
    declared = [name for name in request.values if entry.fields[name].owner == Owner.CUSTOMER]
    policies = in_force() if declared else []
    for name in declared:
        atom = Atom(entry.key, request.action, name, entry.config.impact, entry.is_control)
        if not may_be_typed(policies, atom):
            raise CustomerMustDeclare(field=name, label=entry.verbose_name(name))


def _demand_may_refer(act: Act, request: Wish) -> None:
    """A record may only be made to refer to one that the maker may see; to others as if they didn't exist."""
    for name, raw in request.values.items():
        if request.entry.is_secret(name) or isinstance(raw, Change):
            continue
        field = request.entry.model._meta.get_field(name)
        other = registry.get(field.related_model) if isinstance(field, models.ForeignKey) else None
        key = None if other is None else values.parse(request.entry, name, raw)
        if other is None or key is None:
            continue
        row = other.model._base_manager.get(**{field.target_field.name: key})  # type: ignore[union-attr]
        if not may_see_record(act.actor, act.rights, other, row):
            raise values.not_found(request.entry, name)


def next_position(correction: Correction) -> int:
    last = correction.changes.aggregate(last=models.Max("position"))["last"]
    return int(last or 0) + 1


def demand_rights(act: Act, entry: Entry, change: Change) -> None:
    keys = {change.scope_before, change.scope_after}
    pk = change.target_pk if change.action != Action.CREATE else None
    if not may_propose(act.actor, act.rights, entry, keys, pk):
        raise OutsideYourScope


def add_scopes(correction: Correction) -> None:
    """Brings the correction's scopes in line with its changes."""
    pairs = correction.changes.order_by().values_list("scope_before", "scope_after").distinct()
    keys = {key: _scope_label(key) for pair in pairs for key in pair}
    correction.scopes.exclude(key__in=keys).delete()
    known = set(correction.scopes.values_list("key", flat=True))
    CorrectionScope.objects.bulk_create(
        CorrectionScope(correction=correction, key=key, label=label[:200])
        for key, label in keys.items()
        if key not in known
    )


def _scope_label(key: str) -> str:
    if key == COMPANY:
        return ""
    if key == CONTROL:
        return str(Impact.CONTROL.label)
    label, pk = key.split(":", 1)
    from django.apps import apps

    return str(apps.get_model(label)._base_manager.get(pk=pk))


def _live(act: Act, entry: Entry, target: models.Model) -> models.Model:
    """The locked row. Its present values are compared, and told, only to whoever may propose."""
    row = rows.locked(entry, [_key(entry, target)]).get(str(target.pk))
    if row is None:
        raise rows.RecordNotFound
    if not may_propose(act.actor, act.rights, entry, {scope_key_told(entry, row)}, row.pk):
        raise OutsideYourScope
    return row


def _key(entry: Entry, target: models.Model) -> Any:
    """The key on the instance, as one that the database can be asked for."""
    try:
        return entry.model._meta.pk.clean(target.pk, None)
    except (ValidationError, ValueError, TypeError):
        raise rows.RecordNotFound from None


def _update(act: Act, request: Wish) -> tuple[Change, models.Model, models.Model]:
    entry, target = request.entry, request.target
    assert target is not None  # noqa: S101 - wish() saw to it
    live = _live(act, entry, target)
    whole = rows.image(entry, live)
    _demand_same_as_seen(entry, target, live, request.values)
    new = {
        column: value
        for name, raw in request.values.items()
        for column, value in _new_columns(act, entry, live, name, raw, whole).items()
    }
    if not new:
        raise NothingChanges
    after = rows.unsaved(entry, {**whole, **new})
    after._state.adding = False  # or its own unique values would count as another record's
    validate(entry, after, new)
    old = {column: whole[column] for column in new}
    change = Change(
        action=Action.UPDATE, target_model=entry.key, target_pk=str(live.pk), old=old, new=new, before_image=whole
    )
    return change, live, after


def _demand_same_as_seen(entry: Entry, target: models.Model, live: models.Model, names: Mapping[str, Any]) -> None:
    """The old values are those on the instance that the maker saw (I-04)."""
    columns = [column for name in names for column in entry.columns(name)]
    seen = rows.seen_image(entry, target, columns)
    differences = rows.moved(entry, seen, rows.column_image(entry, live, columns))
    if differences:
        fields = ", ".join(difference.label for difference in differences)
        raise rows.ValueChanged(
            record=entry.config.label(live), fields=fields, moved=[difference.as_json() for difference in differences]
        )


def _new_columns(act: Act, entry: Entry, row: models.Model, name: str, raw: Any, whole: Image) -> Image:
    """Canonical columns of a new value; nothing when the value is already so."""
    new = sealed(entry, row, name, raw) if entry.is_secret(name) else _plain(act, entry, name, raw)
    same_secret = entry.is_secret(name) and new[f"{name}_index"] == whole.get(f"{name}_index")
    if same_secret or all(whole.get(column) == value for column, value in new.items()):
        return {}
    return new


def _plain(act: Act, entry: Entry, name: str, raw: Any) -> Image:
    column = entry.columns(name)[0]
    if isinstance(raw, Change):
        return {column: _placeholder(act, entry, name, raw)}
    field = next(f for f in entry.model._meta.concrete_fields if f.attname == column)
    value = values.parse(entry, name, raw)
    return {column: rows.encode(field, value)}


def _placeholder(act: Act, entry: Entry, name: str, named: Change) -> dict[str, int]:
    """Stands for the key of a row that an earlier change of the same correction creates."""
    field: Any = entry.model._meta.get_field(name)
    related: Any = getattr(field, "related_model", None)
    source = act.correction.changes.filter(pk=named.pk, action=Action.CREATE).first()
    by_key = related is not None and field.target_field.primary_key
    if source is None or not by_key or related._meta.label_lower != source.target_model:
        raise values.refuse(entry, name, _("must name a record that this correction creates."))
    return {"change": source.position}


def _create(act: Act, request: Wish) -> tuple[Change, None, models.Model]:
    entry = request.entry
    row = entry.model()
    later = _set_by_the_database(entry, request.values)
    first = [column for column in entry.all_columns() if column not in later]
    new: Image = {}
    # References first: the owner of a secret is often found through one.
    for name in sorted(request.values, key=entry.is_secret):
        columns = (
            sealed(entry, row, name, request.values[name])
            if entry.is_secret(name)
            else _plain(act, entry, name, request.values[name])
        )
        new.update(columns)
        row = rows.unsaved(entry, {**rows.column_image(entry, row, first), **new})
    whole = {**rows.column_image(entry, row, first), **new}
    validate(entry, row, whole)
    return Change(action=Action.CREATE, target_model=entry.key, target_pk="", old={}, new=whole), None, row


def _set_by_the_database(entry: Entry, given: Iterable[str]) -> set[str]:
    """Columns that get their value at the insert: a key, moments that Django fills in, defaults of the database."""
    found = set()
    for field in entry.model._meta.concrete_fields:
        is_moment = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
        if is_moment and field.name in given:
            raise FieldNotCorrectable(field=field.name, label=entry.verbose_name(field.name))
        is_key = isinstance(field, models.AutoField)
        if field.primary_key and not (is_key or field.name in given or field.has_default() or field.has_db_default()):
            raise values.refuse(entry, field.name, _("must be filled in."))
        if is_moment or ((is_key or field.has_db_default()) and field.name not in given):
            found.add(field.attname)
    return found


def _delete(act: Act, request: Wish) -> tuple[Change, models.Model, None]:
    entry, target = request.entry, request.target
    assert target is not None  # noqa: S101 - wish() saw to it
    live = _live(act, entry, target)
    whole = rows.image(entry, live)
    _demand_same_as_seen(entry, target, live, entry.fields)
    change = Change(
        action=Action.DELETE, target_model=entry.key, target_pk=str(live.pk), old=whole, new={}, before_image=whole
    )
    return change, live, None
