"""Finds the records that rows are about, many by one query, and says of each whether the maker may correct it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from corrections.engine.proposals import scope_key_told
from corrections.engine.values import PLAIN_INTEGER
from corrections.permissions import COMPANY, Rights, may_propose, record_grants
from corrections.registry import Correctable, Entry
from corrections.roles import Role
from corrections.staging.columns import key_fields
from corrections.staging.loading import Loading

INTEGER_MAX = 2**63


class Targets:
    """Records by one of their keys."""

    def __init__(self, entry: Entry, loading: Loading | None = None) -> None:
        self.entry = entry
        self.loading = Loading(entry, entry.all_columns()) if loading is None else loading
        self.fields = {str(f.name): f for f in key_fields(entry)}

    def key(self, name: str, text: str) -> Any:
        """The text as that field holds it; None for what can't be a key of any record."""
        field = self.fields[name]
        if isinstance(field, models.CharField | models.TextField):
            return None if "\0" in text else text
        if isinstance(field, models.IntegerField):
            return self._integer(text)
        try:
            return field.to_python(text)
        except (ValidationError, ValueError, TypeError, ArithmeticError):
            return None

    @staticmethod
    def _integer(text: str) -> int | None:
        if not PLAIN_INTEGER.fullmatch(text) or str(int(text)) != text:
            return None
        number = int(text)
        return number if abs(number) < INTEGER_MAX else None

    def find(self, name: str, keys: Sequence[Any]) -> dict[Any, models.Model]:
        """Rows by key, without what they refer to. They are not locked: submission and apply look again."""
        wanted = [key for key in set(keys) if key is not None]
        if not wanted:
            return {}
        found = self.entry.model._base_manager.filter(**{f"{name}__in": wanted})
        return {getattr(row, name): row for row in self.loading.rows(found)}


class Scopes:
    """Which scope a row belongs to, and on which the maker may propose; each answer asked once."""

    def __init__(self, entry: Entry, actor: Any, rights: Rights) -> None:
        self.entry, self.actor, self.rights = entry, actor, rights
        self._allowed: dict[tuple[str, ...], bool] = {}
        self._granted: frozenset[str] | None = None
        self._prefix, self._attname = self._column()

    def _column(self) -> tuple[str, str]:
        """The column that holds the scope, where the scope is what one reference names."""
        config, path = self.entry.config, self.entry.config.scope_path
        is_plain = type(config).scope is Correctable.scope and path and "__" not in path and path != "self"
        if not is_plain or self.entry.is_control:
            return "", ""
        field: Any = self.entry.model._meta.get_field(path)
        if not (isinstance(field, models.ForeignKey) and field.target_field.primary_key):
            return "", ""
        return f"{field.related_model._meta.label_lower}:", field.attname

    @property
    def columns(self) -> set[str]:
        return {self._attname} - {""}

    def of(self, row: models.Model) -> str:
        if not self._attname:
            return scope_key_told(self.entry, row)
        pk = row.__dict__[self._attname]
        return COMPANY if pk is None else f"{self._prefix}{pk}"

    def may_propose(self, keys: tuple[str, ...], pk: Any) -> bool:
        if keys not in self._allowed:
            self._allowed[keys] = may_propose(self.actor, self.rights, self.entry, set(keys), None)
        return self._allowed[keys] or self._is_granted(pk)

    def are_alike(self, actor: Any, rights: Rights) -> bool:
        """Whether somebody with these rights may propose all that was found to be allowed."""
        if self._granted and not (Role.MAKER in rights.roles and self._granted <= {*record_grants(actor, self.entry)}):
            return False
        allowed = [keys for keys, may in self._allowed.items() if may]
        return all(may_propose(actor, rights, self.entry, set(keys), None) for keys in allowed)

    def _is_granted(self, pk: Any) -> bool:
        """A right on this very record."""
        if self.entry.is_control or Role.MAKER not in self.rights.roles:
            return False
        if self._granted is None:
            self._granted = frozenset(record_grants(self.actor, self.entry))
        return str(pk) in self._granted
