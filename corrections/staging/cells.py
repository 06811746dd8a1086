"""Reads the cells of one column: by the rules of the single form, each text once, references many at a time."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import DecimalValidator
from django.db import models
from django.utils.translation import override

from corrections.choices import Action, Owner
from corrections.conf import limits
from corrections.engine import values
from corrections.engine.proposals import CustomerMustDeclare
from corrections.errors import CorrectionError
from corrections.integrity.canonical import encode
from corrections.permissions import Rights, visible_records
from corrections.policies import Atom, in_force, may_be_typed
from corrections.protection import secrets
from corrections.registry import Entry, registry
from corrections.staging.columns import EMPTY
from corrections.staging.refusals import NotJson, OuterSpaces

KEPT_MAX = 50_000  # texts of one column that are remembered
WHOLE_DIGITS_MAX, DECIMALS_MAX = 30, 20  # of a plain decimal number, as engine/values.py reads it


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a cell can't be used: how to say it again, in whatever language is active."""

    again: Callable[[], CorrectionError]
    code: str


class Plain(NamedTuple):
    """A value that was read: what is compared and stored, and what the model's rules look at."""

    column: str
    canonical: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Sealable:
    """A secret that was read: its blind index; it is sealed for each record apart. Shows no text."""

    name: str
    index: str
    text: str

    def __repr__(self) -> str:
        return f"<secret {self.name}>"


Cell = Plain | Sealable | Refused


def refused(make: Callable[[], CorrectionError]) -> Refused:
    return Refused(make, make().code)


def in_every_language(refusal: Refused, longest: int) -> tuple[str, dict[str, str]]:
    """The sentence in the site's first language, and in the others where it reads differently."""
    said = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            said[language] = str(refusal.again())[:longest]
    with override(settings.LANGUAGE_CODE):
        first = str(refusal.again())[:longest]
    return first, {language: text for language, text in said.items() if text != first}


class Cells(ABC):
    """The cells of one column."""

    def __init__(self, entry: Entry, name: str) -> None:
        self.entry, self.name = entry, name
        self._known: dict[str, Cell] = {}

    def prepared(self, texts: Iterable[str]) -> Mapping[str, Cell]:
        """What these texts are, and maybe others; what is new of them is read, all at once."""
        if len(self._known) > KEPT_MAX:
            self._known.clear()
        for text in set(texts).difference(self._known):
            self._known[text] = self._checked(text)
        return self._known

    def _checked(self, text: str) -> Cell:
        if text.strip() != text:
            return refused(lambda: OuterSpaces(field=self.name, label=self.entry.verbose_name(self.name)))
        try:
            return self.read(text)
        except CorrectionError as error:
            return Refused(lambda: self._again(text), error.code)

    def _again(self, text: str) -> CorrectionError:
        """The refusal anew: its words are made for the language that is active."""
        try:
            self.read(text)
        except CorrectionError as error:
            return error
        raise AssertionError("A cell was refused, and then was not.")

    @abstractmethod
    def read(self, text: str) -> Cell:
        """What one text is. Raises CorrectionError."""


class PlainCells(Cells):
    def __init__(self, entry: Entry, name: str) -> None:
        super().__init__(entry, name)
        self.field: Any = entry.model._meta.get_field(name)
        self.column = entry.columns(name)[0]

    def read(self, text: str) -> Cell:
        value = values.parse(self.entry, self.name, self._raw(text))
        canonical = encode(self.field, value)
        return Plain(self.column, canonical, value)

    def _raw(self, text: str) -> Any:
        if text == EMPTY:
            return None if self.field.null else ""
        if not isinstance(self.field, models.JSONField):
            return text
        try:
            return json.loads(text, object_pairs_hook=_without_twins)
        except (ValueError, RecursionError):
            raise NotJson(field=self.name, label=self.entry.verbose_name(self.name)) from None


class DecimalCells(PlainCells):
    """Sums of money: nearly every row has its own. What no rule could refuse is read without asking the rules."""

    def __init__(self, entry: Entry, name: str) -> None:
        super().__init__(entry, name)
        self._certain = certain_decimals(self.field)

    def read(self, text: str) -> Cell:
        if self._certain is None or not self._certain.fullmatch(text):
            return super().read(text)
        value = Decimal(text)
        return Plain(self.column, encode(self.field, value), value)


def certain_decimals(field: Any) -> re.Pattern[str] | None:
    """The texts that `values.parse` surely takes for this column, as they stand; None where others have a say."""
    own = DecimalValidator(field.max_digits, field.decimal_places)
    whole = (field.max_digits or 0) - (field.decimal_places or 0)
    if type(field) is not models.DecimalField or field.choices or field.validators != [own]:
        return None
    if not (0 < whole <= WHOLE_DIGITS_MAX and 0 < field.decimal_places <= DECIMALS_MAX):
        return None
    if field.max_digits + len("-.") > limits.VALUE_CHARS_MAX:
        return None
    return re.compile(rf"-?[1-9][0-9]{{0,{whole - 1}}}(\.[0-9]{{1,{field.decimal_places}}})?")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice would leave it open which value holds."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


class ReferenceCells(Cells):
    """A reference is made only to a record that exists, that the field may name, and that the maker may see."""

    def __init__(self, entry: Entry, name: str, actor: Any, rights: Rights) -> None:
        super().__init__(entry, name)
        self.field: Any = entry.model._meta.get_field(name)
        self.actor, self.rights = actor, rights

    def prepared(self, texts: Iterable[str]) -> Mapping[str, Cell]:
        if len(self._known) > KEPT_MAX:
            self._known.clear()
        keys: dict[str, Any] = {}
        for text in set(texts).difference(self._known):
            try:
                keys[text] = values.reference_key(self.entry, self.name, None if text == EMPTY else text)
            except CorrectionError:
                self._known[text] = self._missing(text)
        usable = self._usable([key for key in keys.values() if key is not None])
        for text, key in keys.items():
            self._known[text] = self._cell(text, key, usable)
        return self._known

    def read(self, text: str) -> Cell:
        return self.prepared([text])[text]

    def _cell(self, text: str, key: Any, usable: Collection[Any]) -> Cell:
        if key is not None and key not in usable:
            return self._missing(text)
        if key is None:
            try:
                self.field.clean(None, None) if not self.field.blank else None
            except ValidationError:
                return self._missing(text)
        return Plain(self.field.attname, encode(self.field, key), key)

    def _missing(self, text: str) -> Refused:
        if text == EMPTY:
            return refused(lambda: values.must_be_filled_in(self.entry, self.name))
        return refused(lambda: values.not_found(self.entry, self.name))

    def _usable(self, keys: list[Any]) -> set[Any]:
        """Those of the keys that this maker may name."""
        related, target = self.field.related_model, self.field.target_field.attname
        there = related._base_manager.complex_filter(self.field.get_limit_choices_to())
        found = set(there.filter(**{f"{target}__in": keys}).values_list(target, flat=True)) if keys else set()
        other = registry.get(related)
        if other is None or not found:
            return found
        visible = visible_records(self.actor, self.rights, other).filter(**{f"{target}__in": list(found)})
        return set(visible.values_list(target, flat=True))


class SecretCells(Cells):
    def read(self, text: str) -> Cell:
        if text == EMPTY:
            return Sealable(self.name, "", "")
        secret = self.entry.secrets[self.name]
        try:
            return Sealable(self.name, secrets.blind_index(secret.kind, text), text)
        except CorrectionError as error:
            raise values.refuse(self.entry, self.name, str(error), code=error.code) from None


class Untouchable(Cells):
    """What the customer declared, where no policy lets staff type it."""

    def read(self, text: str) -> Cell:
        raise CustomerMustDeclare(field=self.name, label=self.entry.verbose_name(self.name))


def cells_of(entry: Entry, name: str, actor: Any, rights: Rights) -> Cells:
    """What reads a column of new values."""
    if not may_type(entry, name):
        return Untouchable(entry, name)
    if entry.is_secret(name):
        return SecretCells(entry, name)
    field = entry.model._meta.get_field(name)
    if isinstance(field, models.ForeignKey):
        return ReferenceCells(entry, name, actor, rights)
    return DecimalCells(entry, name) if isinstance(field, models.DecimalField) else PlainCells(entry, name)


def may_type(entry: Entry, name: str) -> bool:
    """Whether any policy in force could let staff type it; submission asks the one that holds."""
    if entry.fields[name].owner != Owner.CUSTOMER:
        return True
    return may_be_typed(in_force(), Atom(entry.key, Action.UPDATE, name, entry.config.impact, entry.is_control))


GIVEN = "given"  # stands for the text of a cell, where all rows are asked the same


class Given(Cells):
    """One value for all rows, read once. What refuses it refuses the whole request."""

    def __init__(self, entry: Entry, name: str, cell: Cell) -> None:
        super().__init__(entry, name)
        self.cell = cell

    def read(self, text: str) -> Cell:
        return self.cell


def given(entry: Entry, name: str, raw: Any, actor: Any, rights: Rights) -> Given:
    """What one value asks of every row. Raises as the single form does."""
    if not may_type(entry, name):
        raise CustomerMustDeclare(field=name, label=entry.verbose_name(name))
    return Given(entry, name, _cell_of(entry, name, raw, actor, rights))


def _cell_of(entry: Entry, name: str, raw: Any, actor: Any, rights: Rights) -> Cell:
    if entry.is_secret(name):
        if not (raw is None or isinstance(raw, str)):
            raise values.must_be_text(entry, name)
        return SecretCells(entry, name).read(raw or EMPTY)
    field: Any = entry.model._meta.get_field(name)
    value = values.parse(entry, name, raw)
    if isinstance(field, models.ForeignKey) and value is not None:
        other = registry.get(field.related_model)
        visible = None if other is None else visible_records(actor, rights, other)
        if visible is not None and not visible.filter(**{field.target_field.attname: value}).exists():
            raise values.not_found(entry, name)
    column = entry.columns(name)[0]
    return Plain(column, encode(field, value), value)
