"""Lists of business records: one page by key, exact search, simple filters; fast at a million rows.

No OFFSET, no full count, no ordering but by key, no look-up that isn't declared: `?number_index__startswith=…` is
refused, or the list would answer questions about what it hides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.errors import CorrectionError, InvalidInput
from corrections.grants import scope_model
from corrections.permissions import BUSINESS_ROLES, Rights, visible_records
from corrections.protection import secrets
from corrections.protection.fields import secret_field
from corrections.registry import Entry
from corrections.selectors import display

PAGE_KEYS = frozenset({"q", "before", "after"})
SEARCH_CHARS_MAX = 100


class FilterNotKnown(InvalidInput):
    code = "filter_not_known"
    message = _("This list can't be filtered like that. Use the filters above it.")


@dataclass(frozen=True)
class Column:
    name: str
    label: str
    is_number: bool


@dataclass(frozen=True)
class Cell:
    text: str
    is_number: bool


@dataclass(frozen=True)
class Line:
    pk: Any
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True)
class Filter:
    """A select above the list. More than RELATED choices: `choices` is empty and the key itself is typed."""

    name: str
    label: str
    chosen: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class ListPage:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    count: str
    filters: tuple[Filter, ...]
    query: str
    searched: str  # the names of what `query` is compared with
    next_pk: Any = None
    previous_pk: Any = None


CHOICES_MAX = 200


def list_page(user: Any, rights: Rights, entry: Entry, params: Mapping[str, str]) -> ListPage:
    """One page of the records that an account may see. Raises FilterNotKnown and other InvalidInput."""
    _refuse_unknown(entry, params)
    filters = _filters(rights, entry, params)
    query = _clean(params.get("q", ""))
    visible = visible_records(user, rights, entry).order_by()
    found = visible.filter(_narrowed(visible, entry, filters, query))
    columns = _columns(entry)
    page, next_pk, previous_pk = _page(_selected(found, entry, columns), entry, params)
    return ListPage(
        columns=columns,
        lines=tuple(_line(entry, row, columns) for row in page),
        count=_count(found),
        filters=tuple(filters),
        query=query,
        searched=searched(entry),
        next_pk=next_pk,
        previous_pk=previous_pk,
    )


def condition(user: Any, rights: Rights, entry: Entry, params: Mapping[str, str]) -> Q:
    """What a list with these filters and this search is narrowed to, beside what the account may see."""
    _refuse_unknown(entry, params)
    visible = visible_records(user, rights, entry).order_by()
    return _narrowed(visible, entry, _filters(rights, entry, params), _clean(params.get("q", "")))


def in_words(user: Any, rights: Rights, entry: Entry, params: Mapping[str, str]) -> list[tuple[str, str]]:
    """The same for people: what is asked for, and as what."""
    query = _clean(params.get("q", ""))
    found = [(searched(entry), query)] if query else []
    for one in _filters(rights, entry, params):
        if one.chosen:
            words = {choice.value: choice.label for choice in one.choices}
            found.append((one.label, words.get(one.chosen, one.chosen)))
    return found


def _filters(rights: Rights, entry: Entry, params: Mapping[str, str]) -> list[Filter]:
    return [_filter(rights, entry, name, params.get(name, "")) for name in entry.config.list_filter]


def _narrowed(visible: models.QuerySet[Any], entry: Entry, filters: Sequence[Filter], query: str) -> Q:
    wanted = Q()
    for one in filters:
        if one.chosen:
            wanted &= Q(**{_column(entry, one.name): one.chosen})
    return wanted & Q(pk__in=_searched(visible.filter(wanted), entry, query)) if query else wanted


def searched(entry: Entry) -> str:
    """The names of the fields that a search compares."""
    return ", ".join(_path_label(entry, path) for path in entry.config.search_fields)


def find(user: Any, rights: Rights, entry: Entry, text: str) -> list[models.Model]:
    """Visible records whose number (any search field) is exactly this text; a few at most."""
    query = _clean(text)
    if not query:
        return []
    found = visible_records(user, rights, entry).order_by()
    return list(found.filter(pk__in=_searched(found, entry, query)).order_by("-pk")[: limits.RELATED_ROWS_MAX])


def _refuse_unknown(entry: Entry, params: Mapping[str, str]) -> None:
    unknown = set(params) - PAGE_KEYS - set(entry.config.list_filter)
    if unknown:
        raise FilterNotKnown(names=sorted(unknown))


def _clean(text: str) -> str:
    query = text.strip()
    if len(query) > SEARCH_CHARS_MAX or not query.isprintable():
        raise InvalidInput(_("Search for a whole number or name, without line breaks."), code="search_not_usable")
    return query


def _searched(visible: models.QuerySet[Any], entry: Entry, query: str) -> list[Any]:
    """Keys that match exactly, each search field by its own index seek; OR in one WHERE would scan the table."""
    parts = [
        visible.filter(condition).values_list("pk", flat=True)
        for path in entry.config.search_fields
        if (condition := _equals(entry.model, path, query)) is not None
    ]
    if not parts:
        return []
    found = parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]
    return list(found[: limits.COUNT_MAX + 1])


def _equals(model: type[models.Model], path: str, query: str) -> Q | None:
    """Equality on one search field; None where the text can't be a value of it."""
    *hops, name = path.split("__")
    owner: Any = model
    for hop in hops:
        owner = owner._meta.get_field(hop).related_model
    prefix = "".join(f"{hop}__" for hop in hops)
    secret = secret_field(owner, name)
    try:
        if secret is not None:
            return Q(**{f"{prefix}{name}_index": secrets.blind_index(secret.kind, query)})
        field = owner._meta.get_field(name)
        if isinstance(field, models.CharField | models.TextField):
            return Q(**{f"{prefix}{name}__in": sorted({query, query.upper()})})
        return Q(**{f"{prefix}{name}": field.to_python(query)})
    except (CorrectionError, ValidationError):
        return None


def _path_label(entry: Entry, path: str) -> str:
    model: Any = entry.model
    *hops, name = path.split("__")
    for hop in hops:
        model = model._meta.get_field(hop).related_model
    secret = secret_field(model, name)
    return str(secret.verbose_name if secret is not None else model._meta.get_field(name).verbose_name)


def _filter(rights: Rights, entry: Entry, name: str, chosen: str) -> Filter:
    field: Any = entry.model._meta.get_field(name)
    choices = _choices(rights, entry, field)
    if chosen and choices and chosen not in {choice.value for choice in choices}:
        raise FilterNotKnown(names=[name])
    if chosen and not choices:
        _key(field, chosen)
    return Filter(name, entry.verbose_name(name), chosen, tuple(choices))


def _choices(rights: Rights, entry: Entry, field: Any) -> list[Choice]:
    if field.flatchoices:
        return [Choice(str(value), str(label)) for value, label in field.flatchoices]
    if isinstance(field, models.BooleanField):
        return [Choice("True", str(_("yes"))), Choice("False", str(_("no")))]
    if isinstance(field, models.ForeignKey):
        related = _offered(rights, entry, field.related_model)[: CHOICES_MAX + 1]
        found = [Choice(str(row.pk), display.label_of(row)) for row in related]
        return found if len(found) <= CHOICES_MAX else []
    raise FilterNotKnown(names=[field.name])


def _offered(rights: Rights, entry: Entry, model: Any) -> models.QuerySet[Any]:
    """Rows of a referenced model to choose from: of scopes, only those on which the account holds a role."""
    found = display.with_references(model).order_by("pk")
    keys = None if rights.is_superuser else rights.scope_keys(BUSINESS_ROLES)
    if keys is None or model != scope_model(entry):
        return found
    prefix = f"{model._meta.label_lower}:"
    return found.filter(pk__in=[key.removeprefix(prefix) for key in keys if key.startswith(prefix)])


def _column(entry: Entry, name: str) -> str:
    return str(entry.model._meta.get_field(name).attname)  # type: ignore[union-attr]


def _columns(entry: Entry) -> tuple[Column, ...]:
    names = list(entry.config.list_display) or ["__str__"]
    return tuple(Column(name, _label(entry, name), _is_number(entry, name)) for name in names)


def _label(entry: Entry, name: str) -> str:
    if name == "__str__":
        return str(entry.model._meta.verbose_name)
    try:
        return entry.verbose_name(name)
    except FieldDoesNotExist:
        found = getattr(entry.config, name, None) or getattr(entry.model, name)
        return str(getattr(found, "short_description", name.replace("_", " ")))


def _is_number(entry: Entry, name: str) -> bool:
    try:
        field = entry.model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return isinstance(field, models.DecimalField | models.IntegerField | models.FloatField) and not field.choices


def _line(entry: Entry, row: models.Model, columns: tuple[Column, ...]) -> Line:
    return Line(row.pk, tuple(Cell(_cell(entry, row, column.name), column.is_number) for column in columns))


def _cell(entry: Entry, row: models.Model, name: str) -> str:
    if name == "__str__":
        return entry.config.label(row)
    if entry.is_secret(name) or name in {field.name for field in entry.model._meta.concrete_fields}:
        return display.of_row(entry, row, name)
    found = getattr(entry.config, name, None)
    return str(found(row) if callable(found) else getattr(row, name))


def _selected(found: models.QuerySet[Any], entry: Entry, columns: tuple[Column, ...]) -> models.QuerySet[Any]:
    """References that the columns show, joined."""
    shown = {column.name for column in columns}
    keys = {field.name for field in entry.model._meta.concrete_fields if isinstance(field, models.ForeignKey)}
    wanted = keys if "__str__" in shown else keys & shown
    return found.select_related(*sorted(wanted)) if wanted else found


def _page(
    found: models.QuerySet[Any], entry: Entry, params: Mapping[str, str]
) -> tuple[list[Any], Any | None, Any | None]:
    """Rows of the page, the key to go on from, the key to go back from."""
    size, pk = limits.PAGE_ROWS, entry.model._meta.pk
    if params.get("after"):
        rows = list(found.filter(pk__gt=_key(pk, params["after"])).order_by("pk")[: size + 1])
        has_previous, page = len(rows) > size, list(reversed(rows[:size]))
        return page, page[-1].pk if page else None, page[0].pk if page and has_previous else None
    before = params.get("before")
    rows = list((found.filter(pk__lt=_key(pk, before)) if before else found).order_by("-pk")[: size + 1])
    page = rows[:size]
    return page, page[-1].pk if len(rows) > size else None, page[0].pk if page and before else None


def _key(field: Any, text: str) -> Any:
    """A key typed into an address. Raises InvalidInput."""
    target = getattr(field, "target_field", field)
    try:
        if not text.isascii() or not text.isprintable() or len(text) > 64:
            raise ValueError
        return target.to_python(text)
    except (ValidationError, ValueError):
        raise InvalidInput(_("There is no such page of this list."), code="page_not_known") from None


def key_of(entry: Entry, text: str) -> Any:
    """The key of a record from an address. Raises InvalidInput."""
    return _key(entry.model._meta.pk, text)


def _count(found: models.QuerySet[Any]) -> str:
    """How many, without counting further than anybody reads."""
    most = limits.COUNT_MAX
    number = found[: most + 1].count()
    return f"{most:,}+" if number > most else f"{number:,}"
