"""What accounts are granted, as the permission tables say it at this moment: functions, scopes, handed over, lent.

What follows from it is `permissions`. Guardian's tables are read as they are, since its own shortcuts believe
superusers and caches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import CharField, Model, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from corrections.models import Correction, Delegation
from corrections.registry import Entry, registry
from corrections.roles import codename, codename_everywhere

DECIDE = "decide_correction"  # codename of the grant on a single correction
LENT = "lent"  # stands for a codename among grants

_OF_ENGINE = Q(content_type__app_label="corrections", content_type__model="correction")
_text = CharField()


@dataclass(frozen=True)
class Asked:
    """Whose grants: those of some accounts, or those of some roles, whoever holds them."""

    accounts: tuple[int, ...] | None = None
    roles: frozenset[str] | None = None
    handed: Correction | None = None

    def of(
        self, rows: QuerySet[Any], holder: str, names: Collection[str] | None = None, path: str = ""
    ) -> QuerySet[Any]:
        """Rows of these holders (a path to the account), and of these codenames."""
        if self.accounts is not None:
            return rows.filter(**{f"{holder}__in": self.accounts})
        return rows.filter(**{f"{holder}__isnull": False, f"{path}codename__in": names or self.names})

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for role in self.roles or () for name in (codename(role), codename_everywhere(role)))


def holders(asked: Asked) -> Q:
    """Accounts with the function of one of the roles, or to whose persons one of them is lent today."""
    users = get_user_model()._default_manager.order_by()
    functions = Permission.objects.filter(_OF_ENGINE, codename__in=asked.names).values("pk")
    receivers = loans_in_force().filter(role__in=asked.roles or ()).order_by().values("receiver_id")
    return (
        Q(pk__in=users.filter(groups__permissions__in=functions).values("pk"))
        | Q(pk__in=users.filter(user_permissions__in=functions).values("pk"))
        | Q(person_id__in=receivers)
    )


def grants(asked: Asked) -> QuerySet[Any, tuple[int, str, str, str]]:
    """Account, codename, scope's label and scope's key of all that is held; label and key are "" for functions."""
    found, *more = [*_functions(asked), *_scope_grants(asked), *_handed(asked), _lent_to(asked)]
    return found.union(*more)


_ANYBODY = -1  # stands for the account in a statement that is kept; no key is negative


def grants_of(account: int) -> list[tuple[str, str, str]]:
    """Codename, scope's label and scope's key of all that one account holds now, in one statement."""
    kinds = ContentType.objects.get_for_models(Correction, *scope_models())
    keys = tuple((model, kind.pk) for model, kind in kinds.items())
    sql, params = _statement(connection.vendor, keys, timezone.localdate())
    with connection.cursor() as cursor:
        cursor.execute(sql, [account if param == _ANYBODY else param for param in params])
        return [(name, label, key) for _account, name, label, key in cursor.fetchall()]


@lru_cache(maxsize=8)
def _statement(*told_by: Any) -> tuple[str, tuple[Any, ...]]:
    """Every request asks for it, and to put it together takes longer than a hundred answers. Never holds a grant.

    It depends on the database, the scopes' models with their content types, and the day (of loans).
    """
    sql, params = grants(Asked(accounts=(_ANYBODY,))).query.sql_with_params()
    return sql, tuple(params)


def _functions(asked: Asked) -> Iterator[QuerySet[Any]]:
    nothing = Value("", output_field=_text)
    for holder in ("group__user", "user"):
        rows = asked.of(Permission.objects.filter(_OF_ENGINE), holder)
        yield rows.order_by().values_list(holder, "codename", nothing, nothing)


def _scope_grants(asked: Asked) -> Iterator[QuerySet[Any]]:
    for model in scope_models():
        label = Value(model._meta.label_lower, output_field=_text)
        for table, holder in (
            (get_group_obj_perms_model(model), "group__user"),
            (get_user_obj_perms_model(model), "user"),
        ):
            rows = asked.of(_grants(table, model), holder, path="permission__")
            yield rows.values_list(holder, "permission__codename", label, Cast(_key_column(table), _text))


def _handed(asked: Asked) -> Iterator[QuerySet[Any]]:
    """Corrections that were handed over, in the columns of `grants`."""
    from guardian.models import GroupObjectPermission, UserObjectPermission

    wanted = {"content_type": ContentType.objects.get_for_model(Correction), "permission__codename": DECIDE}
    if asked.accounts is None:
        wanted["object_pk"] = str(asked.handed.pk if asked.handed is not None else 0)
    label = Value(Correction._meta.label_lower, output_field=_text)
    for table, holder in ((UserObjectPermission, "user"), (GroupObjectPermission, "group__user")):
        rows = asked.of(table.objects.filter(**wanted), holder, {DECIDE}, "permission__")
        yield rows.order_by().values_list(holder, "permission__codename", label, "object_pk")


def loans_in_force() -> QuerySet[Delegation]:
    """Delegations in force today."""
    today = timezone.localdate()
    return Delegation.objects.filter(starts_on__lte=today, ends_on__gte=today, ended_at__isnull=True)


def _lent_to(asked: Asked) -> QuerySet[Any]:
    """Delegations in force today, with each account of whom they were given to, in the columns of `grants`."""
    holder = f"receiver__{get_user_model()._meta.get_field('person').related_query_name()}"
    loans = loans_in_force().filter(**{f"{holder}__isnull": False})
    if asked.accounts is not None:
        loans = loans.filter(**{f"{holder}__in": asked.accounts})
    else:
        loans = loans.filter(role__in=asked.roles or ())
    colon = Value(":")
    label = Concat(Cast("pk", CharField()), colon, Cast("giver_id", CharField()), colon, "role")
    return loans.order_by().values_list(holder, Value(LENT, output_field=_text), label, "scope_key")


def scope_models() -> list[type[Model]]:
    """The models whose rows are scopes of some registered model."""
    return list(dict.fromkeys(model for entry in registry.entries() if (model := scope_model(entry))))


def scope_model(entry: Entry) -> type[Model] | None:
    path = entry.config.scope_path
    if not path:
        return None
    model: Any = entry.model
    for name in path.split("__") if path != "self" else ():
        model = model._meta.get_field(name).related_model
    return model


def _key_column(table: Any) -> str:
    """Guardian keeps the key of what is granted in a direct or in a generic column."""
    return "object_pk" if table.objects.is_generic() else "content_object_id"


def _grants(table: Any, model: type[Model]) -> QuerySet[Any]:
    generic = {"content_type": ContentType.objects.get_for_model(model)} if table.objects.is_generic() else {}
    return table.objects.filter(**generic).order_by()
