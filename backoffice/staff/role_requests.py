"""Who asked for which role for whom, and the second person's answer: a list, a form, and the roles of one account.

Writes go through corrections.services alone; these pages show, also to compliance, who gave which role.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from backoffice.navigation import rights_for
from backoffice.staff.forms import role_label
from backoffice.staff.models import User
from corrections import services
from corrections.admin._refusals import Refusal, refusal_of
from corrections.choices import RoleRequestState
from corrections.conf import limits
from corrections.errors import CorrectionError
from corrections.models import RoleRequest
from corrections.roles import DECIDING_ROLES, ROLES, Role

PAGE = "admin:staff_roles"
READERS = frozenset({Role.USER_ADMIN, Role.COMPLIANCE})


def urls(site: AdminSite) -> list[URLPattern]:
    return [
        path("staff/roles/", site.admin_view(overview), name="staff_roles"),
        path("staff/roles/<int:pk>/give/", site.admin_view(give), name="staff_role_give"),
        path("staff/roles/<int:pk>/refuse/", site.admin_view(refuse), name="staff_role_refuse"),
        path("staff/roles/take/", site.admin_view(take), name="staff_role_take"),
    ]


@dataclass(frozen=True)
class Asked:
    """One request as the page shows it."""

    row: RoleRequest
    role: str
    clashes: tuple[str, ...]
    may_give: bool
    may_refuse: bool


@dataclass(frozen=True)
class Held:
    """One role of an account, and who gave it; nobody, where it was set up from the command line."""

    pk: int
    label: str
    given_by: str
    asked_by: str


# What one person had better not hold together


def clashes(group: Group, held: Iterable[Group]) -> tuple[str, ...]:
    """Roles held already that make and decide on the same scope as this one would.

    That is allowed, since nobody ever plays two parts on one correction; but whoever gives the role should know.
    """
    return tuple(sorted(role_label(other) for other in held if other.pk != group.pk and _clash(group.name, other.name)))


def _clash(one: str, other: str) -> bool:
    (role, _colon, scope), (second, _colon, place) = one.partition(": "), other.partition(": ")
    makes = Role.MAKER in (role, second)
    return makes and bool({role, second} & set(DECIDING_ROLES)) and (not scope or not place or scope == place)


def _held_by(account: User) -> list[Group]:
    """Roles of every account of the account's person."""
    accounts = account.person.accounts.all() if account.person else [account]
    return [group for one in accounts for group in one.groups.all()]


# Pages


def _demand_reader(request: HttpRequest) -> None:
    rights = rights_for(request)
    if not (rights.is_superuser or rights.roles & READERS):
        raise PermissionDenied


@require_http_methods(["GET", "HEAD", "POST"])
def overview(request: HttpRequest) -> HttpResponse:
    _demand_reader(request)
    if request.method != "POST":
        return _page(request)
    account, group = _chosen(User, request.POST.get("account")), _chosen(Group, request.POST.get("group"))
    try:
        services.ask_role(actor=request.user, account=account, group=group, reason=request.POST.get("reason", ""))
    except CorrectionError as error:
        return _page(request, refusal_of(error))
    messages.success(request, _("The role is asked for; another user administrator gives or refuses it."))
    return _back(account)


@require_POST
def give(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, services.give_role, _("The role is given."))


@require_POST
def refuse(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, services.refuse_role, _("The request is refused."))


def _decide(request: HttpRequest, pk: int, verb: Any, said: str) -> HttpResponse:
    _demand_reader(request)
    row = get_object_or_404(RoleRequest, pk=pk)
    try:
        verb(actor=request.user, request=row)
    except CorrectionError as error:
        return _page(request, refusal_of(error))
    messages.success(request, said)
    return _back()


@require_POST
def take(request: HttpRequest) -> HttpResponse:
    _demand_reader(request)
    account, group = _chosen(User, request.POST.get("account")), _chosen(Group, request.POST.get("group"))
    try:
        services.take_role(actor=request.user, account=account, group=group, reason=request.POST.get("reason", ""))
    except CorrectionError as error:
        return _page(request, refusal_of(error))
    messages.success(request, _("The role is taken away."))
    return _back(account)


def _back(account: User | None = None) -> HttpResponse:
    query = f"?account={account.pk}" if account is not None else ""
    return HttpResponseRedirect(reverse(PAGE) + query)


def _chosen(model: type[Any], text: str | None) -> Any:
    is_key = text is not None and text.isascii() and text.isdigit() and len(text) < 19
    return model._default_manager.filter(pk=text).first() if is_key else None


def _page(request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
    account = _chosen(User, request.POST.get("account") or request.GET.get("account"))
    group = _chosen(Group, request.POST.get("group"))
    may_ask = _may_ask(request)
    context = {
        **admin.site.each_context(request),
        "title": _("Roles asked for"),
        "asked": _asked(request),
        "account": account,
        "held": [] if account is None else _held(account),
        "chosen": group,
        "may_ask": may_ask,
        "may_take": may_ask and account is not None and not _is_own(request, account),
        "accounts": _accounts(request, account) if may_ask else [],
        "groups": [(row.pk, role_label(row)) for row in _known_groups()] if may_ask else [],
        "reason": request.POST.get("reason", ""),
        "refusal": refusal,
    }
    return TemplateResponse(
        request, "backoffice/role_requests.html", context, status=refusal.status if refusal else 200
    )


def _may_ask(request: HttpRequest) -> bool:
    rights = rights_for(request)
    return Role.USER_ADMIN in rights.everywhere and not rights.is_superuser and rights.person_id is not None


def _is_own(request: HttpRequest, account: User) -> bool:
    return account.pk == request.user.pk or (account.person_id or 0) == rights_for(request).person_id


def _known_groups() -> list[Group]:
    return [row for row in Group.objects.order_by("name") if row.name.partition(": ")[0] in ROLES]


def _accounts(request: HttpRequest, chosen: User | None) -> list[User]:
    """Accounts that may be given a role, not one's own; the chosen one among them however many there are."""
    rows = User.objects.select_related("person").filter(is_active=True, is_superuser=False).order_by("username")
    rows = rows.exclude(pk=request.user.pk).exclude(person_id=rights_for(request).person_id or 0)
    found = list(rows[: limits.RECEIVERS_SHOWN_MAX])
    return found if chosen is None or chosen in found else [chosen, *found]


def _asked(request: HttpRequest) -> list[Asked]:
    """Open requests first, then the newest that were decided."""
    rows = RoleRequest.objects.select_related("account__person", "group")
    rows = rows.prefetch_related("account__groups", "account__person__accounts__groups")
    is_open = rows.filter(state=RoleRequestState.ASKED).order_by("-pk")[: limits.ROLE_REQUESTS_SHOWN_MAX]
    decided = rows.exclude(state=RoleRequestState.ASKED).order_by("-pk")[: limits.PAGE_ROWS]
    return [_line(request, row) for row in [*is_open, *decided]]


def _line(request: HttpRequest, row: RoleRequest) -> Asked:
    is_open = row.state == RoleRequestState.ASKED
    may_decide = is_open and _may_ask(request) and not _is_own(request, row.account)
    return Asked(
        row=row,
        role=role_label(row.group),
        clashes=clashes(row.group, _held_by(row.account)) if is_open else (),
        may_give=may_decide and row.asked_by_person_id != rights_for(request).person_id,
        may_refuse=may_decide,
    )


def _held(account: User) -> list[Held]:
    given = {
        row.group_id: row
        for row in RoleRequest.objects.filter(account=account, state=RoleRequestState.GIVEN).order_by("pk")
    }
    found = []
    for group in account.groups.order_by("name"):
        row = given.get(group.pk)
        found.append(
            Held(group.pk, role_label(group), row.decided_by_name if row else "", row.asked_by_name if row else "")
        )
    return found
