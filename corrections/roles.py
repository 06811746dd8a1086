"""The roles and the names of the permissions they carry (DESIGN §5); who holds them is asked in permissions.py."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    MAKER = "maker", _("maker")
    CHECKER = "checker", _("checker")
    SENIOR_CHECKER = "senior_checker", _("senior checker")
    PRESIDENT = "president", _("president")
    CONTROLLER = "controller", _("controller")
    EXECUTOR = "executor", _("executor")
    COMPLIANCE = "compliance", _("compliance")
    POLICY_ADMIN = "policy_admin", _("policy administrator")
    USER_ADMIN = "user_admin", _("user administrator")


ROLES: tuple[str, ...] = tuple(Role.values)
# Roles that a policy may ask to sign.
DECIDING_ROLES: tuple[str, ...] = (
    Role.CHECKER,
    Role.SENIOR_CHECKER,
    Role.PRESIDENT,
    Role.CONTROLLER,
    Role.COMPLIANCE,
    Role.POLICY_ADMIN,
)


def codename(role: str) -> str:
    """Codename of the right to use the function of a role, and of the object right on a scope."""
    return f"as_{role}"


def codename_everywhere(role: str) -> str:
    return f"as_{role}_everywhere"


def function_permission(role: str) -> str:
    return f"corrections.{codename(role)}"


def everywhere_permission(role: str) -> str:
    return f"corrections.{codename_everywhere(role)}"


def function_permissions() -> list[tuple[str, str]]:
    """For ``Correction.Meta.permissions``."""
    rights = [(codename(role), f"Can act as {role}") for role in ROLES]
    return rights + [(codename_everywhere(role), f"Can act as {role} everywhere") for role in ROLES]


def scope_permissions() -> list[tuple[str, str]]:
    """For ``Meta.permissions`` of the model that is a scope (a branch, say)."""
    return [(codename(role), f"Can act as {role} here") for role in ROLES]


def record_permission_codename(model_name: str) -> str:
    """Codename of the right to propose corrections of one single record."""
    return f"correct_{model_name}"
