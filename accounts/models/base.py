"""Column and constraint builders that the tables of this app share; no table of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from accounts.choices import WHOLE, Currency

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

BANK_CODE_CHARS_MAX = 16
NAME_CHARS_MAX = 120
NUMBER_CHARS_MAX = 40


def amount_field(label: str | StrPromise, **options: Any) -> models.DecimalField[Any, Any]:
    """Exact money in the currency of the row, with the two decimals of every currency that is kept.

    Fifteen digits: SQLite keeps decimals as floating point, which is exact no further.
    """
    return models.DecimalField(label, max_digits=15, decimal_places=2, **options)


def currency_field() -> models.CharField[Any, Any]:
    return models.CharField(_("currency"), max_length=3, choices=Currency.choices)


def ref_field() -> models.UUIDField[Any, Any]:
    """Identifier that exists before the insert; ciphertexts of the row are bound to it."""
    return models.UUIDField(_("reference of the record"), default=uuid4, unique=True, editable=False)


def rule(name: str, condition: models.Q, message: str | StrPromise) -> models.CheckConstraint:
    """A rule that the database holds, and the sentence that a clerk reads when it is broken."""
    return models.CheckConstraint(
        condition=condition, name=name, violation_error_message=message, violation_error_code=name
    )


def one_of(name: str, field: str, values: Iterable[str]) -> models.CheckConstraint:
    known = models.Q(**{f"{field}__in": sorted(values)})
    return rule(name, known, _("This value is not in the list of known ones."))


def above_zero(name: str, field: str) -> models.CheckConstraint:
    return rule(name, models.Q(**{f"{field}__gt": 0}), _("The amount must be above zero."))


def in_whole_units(name: str, field: str) -> models.CheckConstraint:
    """No amount is finer than its currency's smallest unit; of the others, two decimals are all that a column holds."""
    whole = models.Q(**{field: Cast(field, models.BigIntegerField())})
    return rule(
        name,
        ~models.Q(currency__in=WHOLE) | whole,
        _("This currency has no smaller unit: the amount must be whole."),
    )


def known_currency(name: str) -> models.CheckConstraint:
    return one_of(name, "currency", Currency.values)


def filled(name: str, *fields: str) -> models.CheckConstraint:
    present = models.Q()
    for field in fields:
        present &= ~models.Q(**{field: ""})
    return rule(name, present, _("A number, code or name that every such record has is empty."))


def when(condition: models.Q, then: models.Q) -> models.Q:
    """Implication, for constraints: where `condition` holds, `then` holds."""
    return ~condition | then
