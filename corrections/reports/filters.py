"""What a history report is about: a frozen filter, read from texts that people typed, on a page or a command line.

Finds the scope, the record's kind and the people that the texts name; asks no permission and reads no history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from corrections.choices import Reason, State
from corrections.conf import person_model
from corrections.errors import InvalidInput
from corrections.grants import scope_models
from corrections.permissions import scope_key
from corrections.registry import Entry, registry

TEXT_CHARS_MAX = 200
WRITTEN_BY = {"corrections": _("corrections"), "systems": _("other sources")}
LABELS = {
    "since": _("from"),
    "until": _("to"),
    "scope": _("branch"),
    "model": _("kind of record"),
    "record": _("record"),
    "maker": _("maker"),
    "checker": _("checker"),
    "reason": _("reason"),
    "state": _("state"),
    "written_by": _("written by"),
    "flag": _("risk flag"),
}


class FilterUnusable(InvalidInput):
    """One of the texts names nothing that exists. `details` names the field."""

    code = "filter_cannot_be_used"


@dataclass(frozen=True)
class Filters:
    """Every field left empty lets everything through; `since` and `until` are days of the desk, both included."""

    since: dt.date | None = None
    until: dt.date | None = None
    scope: str = ""  # key, as accounts.branch:3
    model: str = ""  # label, as accounts.payout
    record: str = ""  # key or number of a record of that model
    maker: str = ""  # employee number or name
    checker: str = ""
    reason: str = ""
    state: str = ""
    written_by: str = ""  # "corrections" or "systems"

    def as_json(self) -> dict[str, str]:
        """What was asked for, for the audit event: only the fields that restrict anything."""
        return {name: str(value) for name, value in asdict(self).items() if value}

    @property
    def narrows_corrections(self) -> bool:
        return bool(self.maker or self.checker or self.reason or self.state)

    @property
    def asks_for_corrections(self) -> bool:
        """Whether only what belongs to a correction can match."""
        return self.narrows_corrections or self.written_by == "corrections"

    def begins(self) -> dt.datetime | None:
        return None if self.since is None else _midnight(self.since)

    def ends(self) -> dt.datetime | None:
        """The first moment after the period."""
        return None if self.until is None else _midnight(self.until + dt.timedelta(days=1))


def parse(texts: Mapping[str, Any]) -> Filters:
    """The filter behind texts by field name. Raises FilterUnusable naming the field and what it could be."""
    known = {field.name for field in fields(Filters)}
    given = {name: str(value).strip() for name, value in texts.items() if name in known and value}
    for name, text in given.items():
        if "\x00" in text or len(text) > TEXT_CHARS_MAX:
            raise FilterUnusable(_("This text can't be looked for."), field=name)
    days = {name: _day(name, given.pop(name, "")) for name in ("since", "until")}
    given |= {"scope": _scope(given.get("scope", "")), "model": _model(given.get("model", ""))}
    filters = Filters(**days, **given)  # type: ignore[arg-type]
    _demand_sense(filters)
    return filters


def _demand_sense(filters: Filters) -> None:
    if filters.since and filters.until and filters.since > filters.until:
        raise FilterUnusable(_("The period ends before it begins."), field="until")
    if filters.record and not filters.model:
        raise FilterUnusable(_("Say which kind of record this number belongs to."), field="model")
    for name, choices in (("reason", Reason.values), ("state", State.values), ("written_by", list(WRITTEN_BY))):
        value = getattr(filters, name)
        if value and value not in choices:
            problem = _("“%(value)s” is none of: %(choices)s.")
            raise FilterUnusable(problem, field=name, value=value, choices=", ".join(choices))
    for name in ("maker", "checker"):
        people_named(name, getattr(filters, name))


def _day(name: str, text: str) -> dt.date | None:
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise FilterUnusable(_("Write a day as 2026-01-31."), field=name) from None
    if not 1900 < day.year < 9000:
        raise FilterUnusable(_("Write a day as 2026-01-31."), field=name)
    return day


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))


def _model(text: str) -> str:
    if not text:
        return ""
    entry = registry.get(text)
    if entry is None:
        known = ", ".join(sorted(entry.key for entry in registry.entries()))
        raise FilterUnusable(_("Records of this kind are not known. Known are: %(known)s."), field="model", known=known)
    return entry.key


def _scope(text: str) -> str:
    """Key of the scope that a text names: by its key, or by any column of its own that is unique."""
    if not text:
        return ""
    found = {scope_key(row) for model in scope_models() for row in _rows_named(model, text)}
    if len(found) != 1:
        raise FilterUnusable(_("There is no branch “%(value)s”."), field="scope", value=text)
    return found.pop()


def _rows_named(model: type[models.Model], text: str) -> models.QuerySet[Any]:
    prefix = f"{model._meta.label_lower}:"
    if text.startswith(prefix):
        return model._default_manager.filter(pk=_key_or_none(model, text.removeprefix(prefix)))
    named = Q(pk__in=[])
    for field in _numbers(model) or [f for f in model._meta.concrete_fields if isinstance(f, models.CharField)]:
        named |= Q(**{field.attname: text})
    return model._default_manager.filter(named)


def _key_or_none(model: type[models.Model], text: str) -> Any:
    """The primary key that a text is, or None where it can't be one."""
    try:
        return model._meta.pk.clean(text, None)
    except (ValidationError, ValueError, OverflowError):
        return None


def _numbers(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Columns by which people call a row: texts of which no two rows share one."""
    return [f for f in model._meta.concrete_fields if isinstance(f, models.CharField) and f.unique]


def number_column(entry: Entry) -> str:
    """The column that holds what people call a record of this kind by; "" where there is none."""
    found = [f.attname for f in _numbers(entry.model) if entry.field_of_column(f.attname) not in entry.secrets]
    return found[0] if found else ""


def record_keys(entry: Entry, text: str) -> list[Any]:
    """Primary keys of the records that a text names; a number that no record has now is looked for in history.

    Numbers have no index there: only what is gone or was renumbered costs the reading of it all.
    """
    key, column = _key_or_none(entry.model, text), number_column(entry)
    past, pk = entry.history_model._default_manager, _pk(entry)
    found = [key] if key is not None and past.filter(**{pk: key}).exists() else []
    for rows in (entry.model._default_manager, past) if column else ():
        if rows is not past or not found:
            found += rows.order_by().filter(**{column: text}).values_list(pk, flat=True)[:100]
    return list(dict.fromkeys(found))


def _pk(entry: Entry) -> str:
    return str(entry.model._meta.pk.attname)


def people_named(name: str, text: str) -> list[int]:
    """Keys of the people with this employee number, or else this name. Raises FilterUnusable for nobody."""
    if not text:
        return []
    people = apps.get_model(person_model())._default_manager
    for column in ("employee_no", "name"):
        found = list(people.filter(**{column: text}).values_list("pk", flat=True)[:100])
        if found:
            return found
    raise FilterUnusable(_("Nobody has the employee number or name “%(value)s”."), field=name, value=text)
