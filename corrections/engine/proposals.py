"""What a change may ask for, whether it comes alone or in a file: refusals, sealing, the model's rules, its words."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from corrections.engine import rows, values
from corrections.errors import CorrectionError, InvalidInput, NotAllowed
from corrections.models import Change
from corrections.money import each
from corrections.permissions import COMPANY, scope_key_of
from corrections.protection import secrets
from corrections.registry import ChangeView, Entry

Image = rows.Image


class ModelNotCorrectable(InvalidInput):
    code = "model_not_correctable"
    message = _("Records of this kind can't be corrected here.")


class ActionNotAllowed(InvalidInput):
    code = "action_not_allowed"
    message = _("Records of this kind don't allow this action.")


class FieldNotCorrectable(InvalidInput):
    code = "field_not_correctable"
    message = _("%(label)s can't be corrected here.")


class NothingChanges(InvalidInput):
    code = "nothing_changes"
    message = _("Nothing would change: every value is already so.")


class CustomerMustDeclare(NotAllowed):
    code = "customer_must_declare"
    message = _("%(label)s is what the customer declared: the customer must enter it, staff can't type it.")


def describe(entry: Entry, change: Change, before: models.Model | None, after: models.Model | None) -> None:
    """Fills in label, scopes and the amount at stake from the rows before and after."""
    row = before if before is not None else after
    assert row is not None  # noqa: S101 - one of the two is always there
    change.target_model = entry.key
    change.target_label = entry.config.label(row)[:200]
    change.scope_before = COMPANY if before is None else scope_key_told(entry, before)
    change.scope_after = change.scope_before if after is None else scope_key_told(entry, after)
    if before is None:
        change.scope_before = change.scope_after
    touched = frozenset(rows.fields_of(entry, change.new or change.old))
    # As far as it can be told now; at submission the dearest counts, by the rates of that moment.
    stakes = each(entry.config.amount_at_stake(ChangeView(change.action, touched, before, after)))
    change.amount, change.currency = (stakes[0].amount, stakes[0].currency) if stakes else (None, "")


def scope_key_told(entry: Entry, row: models.Model) -> str:
    """The key of the scope that a row belongs to. Raises InvalidInput where that can't be told yet."""
    try:
        return scope_key_of(entry, row)
    except ObjectDoesNotExist:
        raise InvalidInput(
            _("This record can't be told to belong to a branch before the record it refers to is there."),
            code="scope_not_known",
        ) from None


def sealed(entry: Entry, row: models.Model, name: str, raw: Any) -> Image:
    """The three columns of a secret of this row; all empty for nothing. Raises ValueNotUsable."""
    secret = entry.secrets[name]
    if raw is None or raw == "":
        return dict.fromkeys(entry.columns(name), "")
    if not isinstance(raw, str):
        raise values.must_be_text(entry, name)
    try:
        return dict(
            secrets.seal(
                model=entry.model,
                field=name,
                ref=row.ref,  # type: ignore[attr-defined]
                owner=secret.owner_of(row),
                plain=raw,
            )
        )
    except CorrectionError as error:
        raise values.refuse(entry, name, str(error), code=error.code) from None


def validate(entry: Entry, row: models.Model, new: Image) -> None:
    """The model's own rules on the row as it would be. Raises InvalidInput naming the fields."""
    touched = set(new)
    unresolved = {column for column, value in new.items() if rows.is_placeholder(value)}
    exclude = {f.name for f in entry.model._meta.concrete_fields if f.attname not in touched or f.attname in unresolved}
    try:
        row.clean_fields(exclude=exclude)
        if not unresolved:
            row.clean()
            row.validate_unique(exclude=exclude)
        row.validate_constraints(exclude={entry.field_of_column(column) for column in unresolved} & exclude)
    except ValidationError as error:
        raise readable(entry, error) from None


def readable(entry: Entry, error: ValidationError) -> InvalidInput:
    """What the model's rules say, with the words of the fields."""
    by_field = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    parts = []
    for name, messages in by_field.items():
        known = name in {f.name for f in entry.model._meta.concrete_fields}
        prefix = f"{entry.verbose_name(name)}: " if known else ""
        parts.append(prefix + " ".join(messages))
    first = next(iter(by_field))
    return InvalidInput("%(problems)s", code="row_would_be_invalid", field=first, problems=" ".join(parts))
