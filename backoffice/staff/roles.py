"""Which groups must exist and exactly which rights each carries (DESIGN §5); who is in them is not decided here.

A group `role` holds its function and the right to use it everywhere; a group `role: scope` holds the function, and
on that one scope an object permission in guardian's direct foreign-key table. `bootstrap` makes it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import models, transaction
from django.db.models import Model
from guardian.utils import get_group_obj_perms_model

from backoffice.staff.models import User
from corrections.roles import ROLES, Role, everywhere_permission, function_permission

# These two administer the whole desk; their function has no meaning on one scope.
COMPANY_ROLES: frozenset[str] = frozenset({Role.POLICY_ADMIN, Role.USER_ADMIN})

# What a role needs on Django's own pages besides its function. None of it is a business right.
PAGE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.USER_ADMIN: frozenset(
        {
            "staff.add_person",
            "staff.change_person",
            "staff.view_person",
            "staff.add_user",
            "staff.change_user",
            "staff.view_user",
            "auth.view_group",
        }
    ),
    Role.COMPLIANCE: frozenset({"staff.view_person", "staff.view_user", "auth.view_group"}),
    Role.POLICY_ADMIN: frozenset({"corrections.view_policy"}),
}


@dataclass(frozen=True)
class Wanted:
    """One group as it should be."""

    name: str
    role: str
    permissions: frozenset[str]
    scope: Model | None = None


def codename(permission: str) -> str:
    return permission.split(".", 1)[1]


def scope_models() -> list[type[Model]]:
    """Every model that declares the roles as object permissions: on its rows people hold rights."""
    wanted = {codename(function_permission(role)) for role in ROLES}
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label != "corrections" and wanted <= {name for name, _ in model._meta.permissions}
    ]


def wanted_groups() -> list[Wanted]:
    """All groups of the desk, company-wide ones first."""
    groups = [_company_group(role) for role in ROLES]
    for model in scope_models():
        for scope in model._default_manager.order_by("pk"):
            groups += [_scope_group(role, scope) for role in ROLES if role not in COMPANY_ROLES]
    return groups


def _company_group(role: str) -> Wanted:
    rights = {function_permission(role), everywhere_permission(role)} | PAGE_PERMISSIONS.get(role, frozenset())
    return Wanted(str(role), role, frozenset(rights))


def _scope_group(role: str, scope: Model) -> Wanted:
    return Wanted(f"{role}: {scope}", role, frozenset({function_permission(role)}), scope)


@transaction.atomic
def bootstrap(*, change: bool = True) -> list[str]:
    """Make groups and their rights as they should be; returns what differed, one sentence each.

    With `change=False` nothing is written. Who is in which group is never touched. A group of an unknown name is
    left alone, but the rights of roles that it carries are taken away; so are those that an account holds directly.
    """
    wanted = wanted_groups()
    differences = [*_rename(wanted, change), *_create(wanted, change), *_grant(wanted, change), *_take_back(change)]
    for model in scope_models():
        differences += _grant_on_scopes(model, wanted, change)
    return differences


def _rename(wanted: list[Wanted], change: bool) -> Iterator[str]:
    """A scope that got a new name keeps its groups, and these keep their members."""
    names = set(Group.objects.values_list("name", flat=True))
    holders = {key: group for model in scope_models() for key, group in _scope_holders(model)}
    for want in wanted:
        if want.scope is None or want.name in names:
            continue
        group = holders.get((want.role, want.scope._meta.label, want.scope.pk))
        if group and group.name.startswith(f"{want.role}: "):
            yield f'group "{group.name}" is now called "{want.name}"'
            if change:
                Group.objects.filter(pk=group.pk).update(name=want.name)


def _scope_holders(model: type[Model]) -> Iterator[tuple[tuple[str, str, int], Group]]:
    rows = get_group_obj_perms_model(model).objects.select_related("group", "permission")
    for row in rows:
        yield (
            (row.permission.codename.removeprefix("as_"), model._meta.label, row.content_object_id),
            row.group,
        )


def _create(wanted: list[Wanted], change: bool) -> list[str]:
    names = set(Group.objects.values_list("name", flat=True))
    missing = [want.name for want in wanted if want.name not in names]
    if change:
        Group.objects.bulk_create(Group(name=name) for name in missing)
    return [f'group "{name}" was missing' for name in missing]


def _grant(wanted: list[Wanted], change: bool) -> list[str]:
    """Function rights: exactly the wanted ones, on known groups and on no other group."""
    through = Group.permissions.through
    rights = {want.name: want.permissions for want in wanted}
    ids = _permission_ids()
    groups = dict(Group.objects.values_list("name", "pk"))
    held = {
        (row.group.name, _label(row.permission)): row.pk
        for row in through.objects.select_related("group", "permission__content_type")
    }
    should = {(name, right) for name, permissions in rights.items() for right in permissions}
    surplus = [pair for pair in held if pair not in should and (pair[0] in rights or _is_role_right(pair[1]))]
    missing = sorted(should - set(held))
    if change:
        through.objects.filter(pk__in=[held[pair] for pair in surplus]).delete()
        through.objects.bulk_create(through(group_id=groups[name], permission_id=ids[right]) for name, right in missing)
    return _sentences(missing, surplus)


def _take_back(change: bool) -> list[str]:
    """A function is held through a group, where it can be seen, and not by an account directly."""
    through = User.user_permissions.through
    held = through.objects.select_related("user", "permission__content_type").filter(
        permission__content_type__app_label="corrections"
    )
    direct = [row for row in held if _is_role_right(_label(row.permission))]
    if change:
        through.objects.filter(pk__in=[row.pk for row in direct]).delete()
    return [f'account "{row.user.username}" held {_label(row.permission)} without a group' for row in direct]


def _is_role_right(permission: str) -> bool:
    return codename(permission).removesuffix("_everywhere").removeprefix("as_") in ROLES


def _permission_ids() -> dict[str, int]:
    return {_label(row): row.pk for row in Permission.objects.select_related("content_type")}


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def _grant_on_scopes(model: type[Model], wanted: list[Wanted], change: bool) -> list[str]:
    """Rights on rows of one scope model: exactly one per group of that scope."""
    table = get_group_obj_perms_model(model)
    ids = dict(
        Permission.objects.filter(
            content_type__app_label=model._meta.app_label, content_type__model=model._meta.model_name
        ).values_list("codename", "pk")
    )
    groups = dict(Group.objects.values_list("name", "pk"))
    held = {
        (row.group.name, row.permission.codename, row.content_object_id): row.pk
        for row in table.objects.select_related("group", "permission")
    }
    should = {
        (want.name, codename(function_permission(want.role)), want.scope.pk)
        for want in wanted
        if isinstance(want.scope, model)
    }
    surplus, missing = [key for key in held if key not in should], sorted(should - set(held))
    if change:
        table.objects.filter(pk__in=[held[key] for key in surplus]).delete()
        table.objects.bulk_create(
            table(group_id=groups[name], permission_id=ids[right], content_object_id=scope)
            for name, right, scope in missing
        )
    return _sentences(_on_scope(model, missing), _on_scope(model, surplus))


def _on_scope(model: type[models.Model], keys: Iterable[tuple[str, str, int]]) -> list[tuple[str, str]]:
    return [(name, f"{right} on {model._meta.verbose_name} {scope}") for name, right, scope in keys]


def _sentences(missing: Iterable[tuple[str, str]], surplus: Iterable[tuple[str, str]]) -> list[str]:
    return [f'group "{name}" lacked {right}' for name, right in missing] + [
        f'group "{name}" held {right}, which is not its own' for name, right in surplus
    ]
