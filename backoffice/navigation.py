"""The places that the header offers to an account by its roles; a link is a convenience, each page asks for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.staff.models import Person, User
from corrections.permissions import BUSINESS_ROLES, Rights, rights_of, sees_controls
from corrections.registry import registry
from corrections.roles import DECIDING_ROLES, Role
from corrections.selectors import inbox, policies, statements
from corrections.selectors.inbox import Unread

INBOX = "corrections_inbox"


@dataclass(frozen=True)
class Link:
    label: str
    url: str
    is_current: bool = False
    count: str = ""  # of what waits behind it


@dataclass(frozen=True)
class Navigation:
    """What stands in the header: places in order, and the kinds of record behind one of them."""

    places: tuple[Link, ...]
    records: tuple[Link, ...]
    help: Link


def unread_for(request: HttpRequest) -> Unread:
    """How many notices the signed-in person has not read, counted once for this page."""
    if not hasattr(request, "_desk_unread"):
        request._desk_unread = inbox.unread(rights_for(request))  # type: ignore[attr-defined]
    found: Unread = request._desk_unread  # type: ignore[attr-defined]
    return found


def rights_for(request: HttpRequest) -> Rights:
    """The rights of the signed-in account, read once for this page. Never for a decision: services read afresh."""
    if not hasattr(request, "_desk_rights"):
        request._desk_rights = rights_of(request.user)  # type: ignore[attr-defined]
    rights: Rights = request._desk_rights  # type: ignore[attr-defined]
    return rights


def navigation(request: HttpRequest, site: AdminSite) -> Navigation:
    rights = rights_for(request)
    wanted = _place_names(rights)
    return Navigation(
        places=tuple(_place(request, label, f"{site.name}:{name}") for label, name in wanted),
        records=tuple(_records(request, site, rights)),
        help=link(request, _("Help"), f"{site.name}:help"),
    )


def sees_business(rights: Rights) -> bool:
    return rights.is_superuser or bool(rights.roles & set(BUSINESS_ROLES))


def _place_names(rights: Rights) -> Iterator[tuple[Any, str]]:
    yield _("Start"), "index"
    if rights.signing_roles & set(DECIDING_ROLES):
        yield _("Queue"), "corrections_queue"
    if rights.person_id is not None:
        yield _("Inbox"), INBOX
    if sees_business(rights) or sees_controls(rights):
        yield _("Register"), "corrections_correction_changelist"
    if sees_business(rights):
        yield _("Incidents"), "corrections_incident_changelist"
    if statements.may_state(rights):
        yield _("Statement"), "corrections_statement_add"
    if rights.signing_roles & set(DECIDING_ROLES):
        yield _("Delegations"), "corrections_delegations"
    if Role.COMPLIANCE in rights.roles:
        yield _("Reports"), "corrections_history_report"
        yield _("Risk flags"), "corrections_flag_report"
        yield _("Events"), "corrections_auditevent_changelist"
    if policies.may_read(rights):
        yield _("Policies"), "corrections_policies"
    if Role.USER_ADMIN in rights.roles or rights.is_superuser:
        yield _("People"), "staff_person_changelist"
        yield pgettext_lazy("sign-in", "Accounts"), "staff_user_changelist"
        yield _("Roles"), "auth_group_changelist"
    if rights.roles & {Role.USER_ADMIN, Role.COMPLIANCE} or rights.is_superuser:
        yield _("Role requests"), "staff_roles"
        yield _("Sign-ins"), "sign_ins"


def _place(request: HttpRequest, label: Any, name: str) -> Link:
    found = link(request, label, name)
    if name.rpartition(":")[2] != INBOX:
        return found
    unread = unread_for(request)
    return replace(found, count=f"{unread.count}{'+' if unread.is_capped else ''}" if unread.count else "")


def _records(request: HttpRequest, site: AdminSite, rights: Rights) -> Iterator[Link]:
    sees = {False: sees_business(rights), True: rights.is_superuser or sees_controls(rights)}
    for entry in registry.entries():
        if sees[entry.is_control] and site.is_registered(entry.model):
            meta = entry.model._meta
            name = f"{site.name}:{meta.app_label}_{meta.model_name}_changelist"
            yield link(request, meta.verbose_name_plural, name)


def link(request: HttpRequest, label: Any, name: str) -> Link:
    url = reverse(name)
    return Link(capfirst(str(label)), url, is_current=request.path == url)


# Order and heading of Django's own list of everything registered.
PEOPLE_MODELS = (Person, User, Group)


def group_of(model: type[Any]) -> str:
    """Which of the three groups of the app list a model belongs to."""
    if registry.get(model):
        return "records"
    return "people" if model in PEOPLE_MODELS else "corrections"


def grouped(apps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Django's app list, regrouped as people think of it: records, corrections, people."""
    headings = {"records": _("Records"), "corrections": _("Corrections"), "people": _("People and roles")}
    models: dict[str, list[dict[str, Any]]] = {name: [] for name in headings}
    for app in apps:
        for model in app["models"]:
            models[group_of(model["model"])].append(model)
    return [
        {"name": heading, "app_label": name, "app_url": "", "has_module_perms": True, "models": models[name]}
        for name, heading in headings.items()
        if models[name]
    ]
