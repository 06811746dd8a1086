"""What is correctable, and how: filled from every installed app's ``correctable.py``, frozen after start-up.

A project says in about ten lines per model which fields can be corrected, who owns them, how they are masked, what
the amount at stake is and which scope a row belongs to. Nothing here reads or writes business rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from corrections.choices import Action, Impact, Mode, Owner
from corrections.money import Money
from corrections.protection.fields import SecretField, secret_fields
from corrections.protection.secrets import columns as secret_columns
from corrections.roles import Role

KEY_CHARS_MAX = 64  # of Change.target_pk
SYSTEM = Owner.SYSTEM
CUSTOMER = Owner.CUSTOMER


@dataclass(frozen=True)
class Field:
    """A correctable field. `owner` says whose word it is; `mask` hides parts of what pages show."""

    owner: Owner = SYSTEM
    mask: Callable[[str], str] | None = None


@dataclass(frozen=True)
class ChangeView:
    """What a registered function sees of a change: whole rows before and after, as unsaved instances.

    `before` is None for a create and `after` is None for a delete.
    """

    action: str
    fields: frozenset[str]
    before: models.Model | None
    after: models.Model | None

    @property
    def row(self) -> models.Model:
        row = self.after if self.after is not None else self.before
        assert row is not None  # noqa: S101 - one of the two is always there
        return row


class Correctable:
    """How the rows of one model may be corrected. Subclass it in ``correctable.py`` under ``@register(Model)``."""

    model: ClassVar[type[models.Model]]
    fields: ClassVar[Mapping[str, Field] | Sequence[str]] = {}
    actions: ClassVar[Iterable[str]] = frozenset({Action.UPDATE})
    mode: ClassVar[str] = Mode.GUARDED
    # Rows are created and never touched again, by nobody: the database refuses UPDATE and DELETE in every context.
    append_only: ClassVar[bool] = False
    list_display: ClassVar[Sequence[str]] = ()
    list_filter: ClassVar[Sequence[str]] = ()
    # Looked up by equality (a secret through its blind index), so that every search is an index seek.
    search_fields: ClassVar[Sequence[str]] = ()
    # Path of foreign keys from a row to its scope, for filtering lists in SQL; "" for a model without scope.
    scope_path: ClassVar[str] = ""
    # A created record that is never deleted is taken back by these values, or with the record that this field names.
    retired_by: ClassVar[Mapping[str, Any]] = {}
    retired_with: ClassVar[str] = ""
    # Reverse relations that hang on a record; None means every one that Django knows.
    depends: ClassVar[Sequence[str] | None] = None
    # Classes of checks (checks/base.py) and of risk flags (checks/flags.py) that look at this model's changes.
    checks: ClassVar[Sequence[type[Any]]] = ()
    flags: ClassVar[Sequence[type[Any]]] = ()
    # References that labels, checks and flags follow, read together with the row in one query.
    reads: ClassVar[Sequence[str]] = ()
    # What kind of harm a wrong correction can do; policies may ask for it.
    impact: ClassVar[str] = Impact.MASTER
    # Whose corrections these are to propose. The desk's own controls belong to no branch and no business role.
    maker_role: ClassVar[str] = Role.MAKER
    # Whoever handled the record (`handlers`) neither corrects nor signs it (查核不返原岗); elsewhere that is a flag.
    bars_handlers: ClassVar[bool] = False

    def scope(self, row: models.Model) -> models.Model | None:
        """The scope a row belongs to, by `scope_path`; works on unsaved rows."""
        found: Any = row
        for name in filter(None, self.scope_path.split("__")):
            found = None if found is None else getattr(found, name)
        return None if found is row else found

    def label(self, row: models.Model) -> str:
        """What people call the row, without any secret."""
        return str(row)

    def amount_at_stake(self, change: ChangeView) -> Money | Sequence[Money] | None:
        """Money that this change can move; None where it moves none. Of several currencies the dearest counts."""
        return None

    def impact_of(self, change: ChangeView) -> str:
        """What kind of harm this change can do; the model's, unless it depends on the record."""
        return self.impact

    def beneficiary(self, change: ChangeView) -> str:
        """A key for who gains by this change (a customer, a card's blind index), never a secret; "" for nobody."""
        return ""

    def handlers(self, row: models.Model) -> Iterable[int]:
        """Keys of the persons who booked, reconciled or own this record."""
        return ()


class Entry:
    """One registered model with all that the engine derives from its registration."""

    def __init__(self, model: type[models.Model], config: Correctable) -> None:
        self.model = model
        self.config = config
        self._demand_plain_table()
        self.key: str = model._meta.label_lower
        self.mode = Mode(config.mode)
        self.actions = frozenset(Action(action) for action in config.actions)
        self.append_only = config.append_only
        self.impact = Impact(config.impact)
        self.is_control = self.impact == Impact.CONTROL
        self.secrets: dict[str, SecretField] = secret_fields(model)
        named = config.fields if isinstance(config.fields, Mapping) else dict.fromkeys(config.fields, Field())
        self.fields: dict[str, Field] = dict(named)
        self._demand_known_fields()
        if self.append_only and self.actions != {Action.CREATE}:
            raise ImproperlyConfigured(f"{model._meta.label} is append-only: its one action is create.")

    def _demand_known_fields(self) -> None:
        """Every correctable field is a column of its own that people may set, or a secret."""
        hidden = {column for name in self.secrets for column in secret_columns(name)}
        if self.secrets:
            hidden.add("ref")  # the secrets of a row are bound to it
        for name in self.fields:
            if name in self.secrets:
                continue
            field = self.model._meta.get_field(name)  # FieldDoesNotExist names the culprit
            if name in hidden or not field.concrete or field.many_to_many or getattr(field, "generated", False):
                raise ImproperlyConfigured(f"{self.model._meta.label}.{name} can't be corrected as a field.")

    def _demand_plain_table(self) -> None:
        """Images, keys and triggers are about one table with one key and columns that are what was written."""
        options = self.model._meta
        if options.proxy or options.abstract or options.parents:
            problem = "stands on another model's table: register that one, or give it a table of its own"
        elif isinstance(options.pk, models.CompositePrimaryKey):
            problem = "has a key of several columns"
        elif (getattr(options.pk, "max_length", None) or 0) > KEY_CHARS_MAX:
            problem = f"has a key of more than {KEY_CHARS_MAX} characters"
        elif any(getattr(field, "generated", False) for field in options.concrete_fields):
            problem = "has a column that the database computes"
        else:
            return
        raise ImproperlyConfigured(f"{options.label} can't be correctable: it {problem}.")

    @property
    def history_model(self) -> type[models.Model]:
        return self.model.history.model  # type: ignore[attr-defined]

    @property
    def table(self) -> str:
        return str(self.model._meta.db_table)

    def is_secret(self, name: str) -> bool:
        return name in self.secrets

    def columns(self, name: str) -> tuple[str, ...]:
        """Attribute names of the database columns behind a field: one, or three for a secret."""
        if name in self.secrets:
            return secret_columns(name)
        field = self.model._meta.get_field(name)
        return (str(field.attname),)  # type: ignore[union-attr]

    def all_columns(self) -> tuple[str, ...]:
        return tuple(field.attname for field in self.model._meta.concrete_fields)

    def field_of_column(self, column: str) -> str:
        """The field that a column belongs to: the secret's name for each of its three columns."""
        return self._fields_by_column[column]

    @cached_property
    def _fields_by_column(self) -> dict[str, str]:
        secrets = {column: name for name in self.secrets for column in self.columns(name)}
        return {field.attname: field.name for field in self.model._meta.concrete_fields} | secrets

    def verbose_name(self, name: str) -> str:
        if name in self.secrets:
            return str(self.secrets[name].verbose_name)
        return str(getattr(self.model._meta.get_field(name), "verbose_name", name))

    def display_fields(self) -> list[str]:
        """Every field people may see, in the model's order; a secret stands once, under its own name.

        Last come the fields that only machines need: the key, and what ciphertexts are bound to.
        """
        seen = dict.fromkeys(self.field_of_column(column) for column in self.all_columns())
        technical = {str(self.model._meta.pk.name), *(("ref",) if self.secrets else ())}
        return sorted(seen, key=technical.__contains__)


class Registry:
    """All entries by model; frozen once every app was read."""

    def __init__(self) -> None:
        self._entries: dict[type[models.Model], Entry] = {}
        self._labels: dict[str, Entry] = {}  # as they were asked for, once every app was read
        self._is_frozen = False

    def add(self, model: type[models.Model], config: Correctable) -> Entry:
        if self._is_frozen:
            raise ImproperlyConfigured("The registry is frozen: register models in an app's correctable.py.")
        if model in self._entries:
            raise ImproperlyConfigured(f"{model._meta.label} is registered twice.")
        entry = self._entries[model] = Entry(model, config)
        return entry

    def freeze(self) -> None:
        self._is_frozen = True

    def entries(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, model: type[models.Model] | models.Model | str) -> Entry | None:
        """The entry of a model, an instance, or a label such as ``accounts.payout``."""
        if isinstance(model, str):
            return self._labels.get(model) or self._by_label(model)
        if isinstance(model, models.Model):
            model = type(model)
        # A deferred or proxied class is not correctable under another name.
        return self._entries.get(model)

    def _by_label(self, label: str) -> Entry | None:
        try:
            entry = self._entries.get(apps.get_model(label))
        except (LookupError, ValueError):
            return None
        if entry is not None and self._is_frozen:
            self._labels[label] = entry
        return entry


registry = Registry()

C = TypeVar("C", bound=type[Correctable])


def register(model: type[models.Model], *, history_app: str = "") -> Callable[[C], C]:
    """Class decorator: makes `model` correctable as the decorated class says.

    A model that is not ours gets its history table in the app named by `history_app`, whose migrations hold it.
    """

    def decorate(config_class: C) -> C:
        if not hasattr(model, "history"):
            from corrections.history import add_history

            add_history(model, app=history_app or model._meta.app_label)
        config_class.model = model
        registry.add(model, config_class())
        return config_class

    return decorate
