"""The inputs for new values of a record: one control per correctable field, and what was typed, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from corrections.choices import Action, Owner
from corrections.conf import limits
from corrections.engine import rows, values
from corrections.errors import CorrectionError, InvalidInput
from corrections.grants import scope_models
from corrections.integrity.canonical import decode
from corrections.models import Change
from corrections.permissions import BUSINESS_ROLES, Rights, visible_records
from corrections.policies import Atom, Ruled, in_force, may_be_typed
from corrections.registry import Entry, registry
from corrections.selectors import display, lists

CREATED_HERE = "created:"  # before the position of a change that creates the record referred to


class NotTicked(InvalidInput):
    code = "value_typed_but_not_ticked"
    message = gettext_lazy("%(label)s: tick “correct this”, or empty the new value.")


@dataclass
class Control:
    """One field of the form. `value` is what stands in the input; a secret is never put back into the page."""

    name: str
    label: str
    kind: str  # text, textarea, number, date, datetime-local, select, reference, secret
    present: str = ""
    value: str = ""
    is_ticked: bool = False
    is_required: bool = False
    may_clear: bool = False
    choices: Sequence[lists.Choice] = ()
    hint: str = ""
    why_disabled: str = ""
    problem: str = ""
    length_max: int = 0
    was_typed: bool = False

    @property
    def is_open(self) -> bool:
        return not self.why_disabled


@dataclass
class Form:
    """All controls of one record, for one action."""

    entry: Entry
    action: str
    controls: list[Control] = field(default_factory=list)

    @property
    def is_create(self) -> bool:
        return self.action == Action.CREATE

    def blame(self, name: str, problem: str) -> bool:
        """Puts a refusal beside its field; says whether there is such a field."""
        for control in self.controls:
            if control.name == name:
                control.problem = problem
                return True
        return False


@dataclass(frozen=True)
class Reader:
    """Who fills in the form, and in which correction."""

    user: Any
    rights: Rights
    created_here: Sequence[Change] = ()


def build(
    reader: Reader, entry: Entry, action: str, row: models.Model | None, *, given: Mapping[str, Any] | None = None
) -> Form:
    """The empty form; `given` are canonical columns to start from (another go at a change)."""
    form = Form(entry, action)
    if action == Action.DELETE:
        return form
    policies = in_force()
    for name, spec in entry.fields.items():
        control = _control(reader, entry, name)
        if row is not None:
            control.present = display.of_row(entry, row, name)
        elif not entry.is_secret(name):
            control.value = _initial(entry.model._meta.get_field(name))
        if given is not None:
            _give(entry, control, given)
        closed = _customer_field_closed(entry, action, name, policies) if spec.owner == Owner.CUSTOMER else ""
        if closed:
            control.why_disabled, control.value, control.is_ticked = closed, "", False
        form.controls.append(control)
    return form


def _customer_field_closed(entry: Entry, action: str, name: str, policies: Sequence[Ruled]) -> str:
    """Why staff can't type what a customer declared; "" where some policy lets them."""
    if may_be_typed(policies, Atom(entry.key, action, name, entry.config.impact, entry.is_control)):
        return ""
    return _("Declared by the customer: the customer must enter it, staff can't type it.")


def _control(reader: Reader, entry: Entry, name: str) -> Control:
    label = entry.verbose_name(name)
    if entry.is_secret(name):
        return Control(name, label, "secret", may_clear=True, length_max=limits.SECRET_CHARS_MAX)
    column: Any = entry.model._meta.get_field(name)
    control = Control(
        name,
        label,
        _kind(column),
        is_required=not (column.blank or column.null or column.has_default()),
        may_clear=bool(column.blank or column.null),
        length_max=column.max_length or 0,
        hint=str(column.help_text or ""),
    )
    if isinstance(column, models.ForeignKey):
        _offer_references(reader, control, column)
    elif column.flatchoices:
        control.choices = [lists.Choice(str(value), str(text)) for value, text in column.flatchoices]
    elif isinstance(column, models.BooleanField):
        control.choices = [lists.Choice("True", _("yes")), lists.Choice("False", _("no"))]
    return control


def _kind(column: Any) -> str:
    if column.flatchoices or isinstance(column, models.BooleanField):
        return "select"
    kinds: tuple[tuple[type[models.Field[Any, Any]], str], ...] = (
        (models.ForeignKey, "reference"),
        (models.DateTimeField, "datetime-local"),
        (models.DateField, "date"),
        (models.TimeField, "time"),
        (models.JSONField, "textarea"),
        (models.TextField, "textarea"),
        (models.DecimalField, "number"),
        (models.IntegerField, "number"),
    )
    return next((kind for type_, kind in kinds if isinstance(column, type_)), "text")


def _offer_references(reader: Reader, control: Control, column: Any) -> None:
    """A select where few rows can be meant, else a text to look up; and what this correction itself creates."""
    model = column.related_model
    own = [
        lists.Choice(f"{CREATED_HERE}{change.position}", _created_here(change))
        for change in reader.created_here
        if change.target_model == model._meta.label_lower
    ]
    few = list(_referable(reader, model).order_by("pk")[: lists.CHOICES_MAX])
    if len(few) < lists.CHOICES_MAX:
        control.kind = "select"
        control.choices = [*own, *(lists.Choice(str(row.pk), display.label_of(row)) for row in few)]
        return
    control.choices, control.hint = own, _lookup_hint(model)


def _created_here(change: Change) -> str:
    return _("created here, row %(row)s: %(label)s") % {"row": change.position, "label": change.target_label}


def _referable(reader: Reader, model: Any) -> models.QuerySet[Any]:
    """Rows that may be referred to: visible ones of a registered model, own ones among scopes, else all."""
    entry = registry.get(model)
    if entry is not None:
        pks = visible_records(reader.user, reader.rights, entry).order_by().values("pk")
        return display.with_references(model).filter(pk__in=pks)
    held = reader.rights.scope_keys(BUSINESS_ROLES)
    if model in scope_models() and held is not None:
        own = [key.partition(":")[2] for key in held if key.startswith(f"{model._meta.label_lower}:")]
        return display.with_references(model).filter(pk__in=own)
    return display.with_references(model)


def _lookup_hint(model: Any) -> str:
    entry = registry.get(model)
    searched = lists.searched(entry) if entry is not None else ""
    return _("exact %(what)s") % {"what": searched or _("key")}


def _initial(column: Any) -> str:
    if not column.has_default() or callable(column.default):
        return ""
    return str(column.default)


def _give(entry: Entry, control: Control, given: Mapping[str, Any]) -> None:
    """Starts from the new values of an earlier go; a secret must be typed again."""
    columns = entry.columns(control.name)
    if columns[0] not in given:
        return
    control.is_ticked = True
    if entry.is_secret(control.name):
        control.problem = _("Type it again: a protected value isn't kept in the form.")
        return
    control.value = typed_form(entry, control.name, given[columns[0]])


def typed_form(entry: Entry, name: str, value: Any) -> str:
    """A canonical value as one would type it into its control."""
    if value is None:
        return ""
    if rows.is_placeholder(value):
        return f"{CREATED_HERE}{value['change']}"
    column = entry.model._meta.get_field(name)
    if isinstance(column, models.JSONField):
        return json.dumps(decode(column, value), ensure_ascii=False, cls=column.encoder)
    if isinstance(column, models.DateTimeField):
        return timezone.localtime(column.to_python(value)).strftime("%Y-%m-%dT%H:%M:%S")
    return str(value)


def read(reader: Reader, form: Form, data: Mapping[str, str]) -> dict[str, Any]:
    """What is wanted, by field name, ready for a service. Raises InvalidInput after marking every bad control."""
    wanted: dict[str, Any] = {}
    refusal: CorrectionError | None = None
    for control in form.controls:
        _keep_typed(control, data, is_create=form.is_create)
    for control in form.controls:
        if not (control.is_ticked or control.was_typed):
            continue
        try:
            wanted[control.name] = _value(reader, form.entry, control, data)
        except CorrectionError as error:
            control.problem = f"{error} ({error.code})"
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    return wanted


def _keep_typed(control: Control, data: Mapping[str, str], *, is_create: bool) -> None:
    typed = data.get(f"new_{control.name}", "")
    control.was_typed = typed.strip() != ""
    control.value = "" if control.kind == "secret" else typed[: limits.VALUE_CHARS_MAX]
    control.is_ticked = control.was_typed if is_create else f"tick_{control.name}" in data


def _value(reader: Reader, entry: Entry, control: Control, data: Mapping[str, str]) -> Any:
    if not control.is_ticked:
        raise NotTicked(field=control.name, label=control.label)
    typed = data.get(f"new_{control.name}", "")
    if control.kind == "secret":
        return typed.strip()
    column: Any = entry.model._meta.get_field(control.name)
    if isinstance(column, models.ForeignKey):
        return _reference(reader, entry, control, column, typed.strip())
    if isinstance(column, models.BooleanField):
        return {"True": True, "False": False}.get(typed)
    if isinstance(column, models.JSONField):
        return _json(entry, control.name, typed)
    if isinstance(column, models.DateTimeField):
        return _moment(typed.strip())
    return typed if isinstance(column, models.TextField) else typed.strip()


def _reference(reader: Reader, entry: Entry, control: Control, column: Any, typed: str) -> Any:
    """A chosen key, a record created in this correction, or a record looked up by its number."""
    if typed.startswith(CREATED_HERE):
        position = typed.removeprefix(CREATED_HERE)
        found = [change for change in reader.created_here if str(change.position) == position]
        if not found:
            raise values.refuse(entry, control.name, _("that row is not part of this correction."))
        return found[0]
    if not typed or (control.kind == "select" and typed in {choice.value for choice in control.choices}):
        return typed
    target = registry.get(column.related_model)
    matches = [] if target is None else lists.find(reader.user, reader.rights, target, typed)
    if len(matches) != 1:
        problem = _("several records match. Type its own number.") if matches else _("no such record that you may see.")
        raise values.refuse(entry, control.name, problem, code="reference_not_found")
    return matches[0]


def _json(entry: Entry, name: str, typed: str) -> Any:
    try:
        return json.loads(typed) if typed.strip() else None
    except (ValueError, RecursionError):
        raise values.refuse(entry, name, _("must be JSON."), code="value_not_json") from None


def _moment(typed: str) -> Any:
    """A moment of the desk's clock. What isn't one goes on as typed, and the engine refuses it."""
    try:
        found = parse_datetime(typed)
        return timezone.make_aware(found) if found is not None and timezone.is_naive(found) else typed
    except (ValueError, ValidationError, OverflowError):
        return typed
