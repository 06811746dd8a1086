"""Every "may X do Y to Z" of the engine, answered from the permission tables at the moment of asking.

Never from `user.has_perm`: its cache is stale after a revoke, and it says yes to every superuser (I-01). Roles carry
the right to *use* a function; object permissions on scopes, or on single records, say on what (DESIGN §5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Model, Q, QuerySet, Value
from django.db.models.functions import Cast
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from corrections.models import Correction
from corrections.registry import Entry, registry
from corrections.roles import ROLES, Role, codename, codename_everywhere, record_permission_codename

DECIDE = "decide_correction"  # codename of the grant on a single correction
COMPANY = ""  # scope key of what belongs to no scope


def scope_key(scope: Model | None) -> str:
    """Stable text for a scope: ``accounts.branch:3``; the company is ""."""
    return COMPANY if scope is None else f"{scope._meta.label_lower}:{scope.pk}"


@dataclass(frozen=True)
class Rights:
    """What one account may do, read at one moment."""

    user_id: int
    person_id: int | None
    is_superuser: bool = False
    roles: frozenset[str] = frozenset()
    everywhere: frozenset[str] = frozenset()
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    handed: frozenset[int] = frozenset()  # corrections that were handed to this very account

    def holds(self, role: str, keys: Iterable[str]) -> bool:
        """Whether the role is held on every one of the scopes. What belongs to no scope yet is nobody's of a scope."""
        if role not in self.roles:
            return False
        wanted = set(keys)
        return role in self.everywhere or (bool(wanted) and wanted <= self.scopes.get(role, frozenset()))

    def scope_keys(self, roles: Iterable[str] = ROLES) -> frozenset[str] | None:
        """Scopes on which any of the roles is held; None means everywhere."""
        held = [role for role in roles if role in self.roles]
        if any(role in self.everywhere for role in held):
            return None
        return frozenset().union(*(self.scopes.get(role, frozenset()) for role in held))


# Roles of the business; the two administrators see no business data.
BUSINESS_ROLES = tuple(role for role in ROLES if role not in {Role.POLICY_ADMIN, Role.USER_ADMIN})


def is_usable(user: Any) -> bool:
    """A person's account (or a machine's) that is in force. Anonymous visitors and deactivated people are not."""
    if user is None or not user.pk or not user.is_active:
        return False
    return user.person is None or bool(user.person.is_active)


def rights_of(user: Any) -> Rights:
    """Fresh rights of an account, in one query. An account or person out of force has none."""
    if not is_usable(user):
        return Rights(user_id=getattr(user, "pk", None) or 0, person_id=None)
    functions: set[str] = set()
    scopes: dict[str, set[str]] = defaultdict(set)
    for name, label, pk in _all_grants(user):
        if label:
            scopes[name].add(f"{label}:{pk}")
        else:
            functions.add(name)
    roles = frozenset(role for role in ROLES if codename(role) in functions)
    return Rights(
        user_id=user.pk,
        person_id=user.person_id,
        is_superuser=user.is_superuser,
        roles=roles,
        everywhere=frozenset(role for role in roles if codename_everywhere(role) in functions),
        scopes={role: frozenset(scopes[codename(role)]) for role in ROLES if codename(role) in scopes},
        handed=frozenset(int(key.rpartition(":")[2]) for key in scopes[DECIDE]),
    )


def _all_grants(user: Any) -> QuerySet[Any, tuple[str, str, str]]:
    """Codename, scope's label and scope's key of all that an account holds; label and key are "" for functions."""
    text = CharField()
    of_engine = Q(content_type__app_label="corrections", content_type__model="correction")
    functions = Permission.objects.filter(Q(group__user=user) | Q(user=user), of_engine)
    nothing = Value("", output_field=text)
    found = functions.order_by().values_list("codename", nothing, nothing)
    grants = [
        _grants(table, model, **holder).values_list(
            "permission__codename",
            Value(model._meta.label_lower, output_field=text),
            Cast(_key_column(table), text),
        )
        for model in scope_models()
        for table, holder in (
            (get_group_obj_perms_model(model), {"group__user": user}),
            (get_user_obj_perms_model(model), {"user": user}),
        )
    ]
    return found.union(*grants, *_handed(user))


def _handed(user: Any) -> Iterator[QuerySet[Any]]:
    """Corrections that were handed over, in the columns of `_all_grants`."""
    label = Value(Correction._meta.label_lower, output_field=CharField())
    for rows in _record_grants(user, Correction, DECIDE):
        yield rows.values_list("permission__codename", label, "object_pk")


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


def _grants(table: Any, model: type[Model], **holder: Any) -> QuerySet[Any]:
    generic = {"content_type": ContentType.objects.get_for_model(model)} if table.objects.is_generic() else {}
    return table.objects.filter(**holder, **generic).order_by()


def granted_pks(user: Any, model: type[Model], name: str) -> list[str]:
    """Keys of single records on which the account, or a group of it, holds an object permission."""
    by_user, by_group = _record_grants(user, model, name)
    return [pk for (pk,) in by_user.values_list("object_pk").union(by_group.values_list("object_pk"))]


def _record_grants(user: Any, model: type[Model], name: str) -> tuple[QuerySet[Any], QuerySet[Any]]:
    from guardian.models import GroupObjectPermission, UserObjectPermission

    content_type = ContentType.objects.get_for_model(model)
    wanted = {"content_type": content_type, "permission__codename": name}
    by_user = UserObjectPermission.objects.filter(user=user, **wanted).order_by()
    return by_user, GroupObjectPermission.objects.filter(group__user=user, **wanted).order_by()


def record_grants(user: Any, entry: Entry) -> list[str]:
    """Keys of the records that this account may see and propose to correct, beside those of its scopes."""
    return granted_pks(user, entry.model, record_permission_codename(entry.model._meta.model_name or ""))


def may_propose(user: Any, rights: Rights, entry: Entry, keys: Iterable[str], pk: Any) -> bool:
    """Whether the account may propose a correction of this record (scopes before and after in `keys`)."""
    if rights.holds(Role.MAKER, keys):
        return True
    return Role.MAKER in rights.roles and pk is not None and str(pk) in record_grants(user, entry)


def may_see_record(user: Any, rights: Rights, entry: Entry, row: Model) -> bool:
    return visible_records(user, rights, entry).filter(pk=row.pk).exists()


def visible_records(user: Any, rights: Rights, entry: Entry) -> QuerySet[Model]:
    """The rows of a registered model that an account may see; a superuser sees all, masked like everybody."""
    rows: QuerySet[Model] = entry.model._default_manager.all()
    keys = None if rights.is_superuser else rights.scope_keys(BUSINESS_ROLES)
    if keys is None:
        return rows
    in_scope = _in_scopes(entry, keys)
    granted = record_grants(user, entry) if Role.MAKER in rights.roles else []
    if granted:
        in_scope = Q(pk__in=granted) if in_scope is None else in_scope | Q(pk__in=granted)
    return rows.none() if in_scope is None else rows.filter(in_scope)


def _in_scopes(entry: Entry, keys: frozenset[str]) -> Q | None:
    """Condition for rows in these scopes; None where no row can be."""
    model = scope_model(entry)
    if model is None:
        return None
    prefix = f"{model._meta.label_lower}:"
    pks = [key.removeprefix(prefix) for key in sorted(keys) if key.startswith(prefix)]
    if not pks:
        return None
    path = "pk" if entry.config.scope_path == "self" else f"{entry.config.scope_path}_id"
    return Q(**{f"{path.removesuffix('_id')}__in" if path != "pk" else "pk__in": pks})


def may_see_correction(user: Any, rights: Rights, correction: Correction, keys: Iterable[str]) -> bool:
    """Its maker, whoever holds a business role on all its scopes, whom it was handed to, and a superuser."""
    if rights.is_superuser or (rights.person_id is not None and rights.person_id == correction.maker_person_id):
        return True
    wanted = list(keys)
    held = rights.scope_keys(BUSINESS_ROLES)
    if held is None or (wanted and set(wanted) <= held):
        return True
    return correction.pk in rights.handed
