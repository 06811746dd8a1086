"""The start page's tiles and lists in words, each number with the list behind it; the numbers come from selectors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from backoffice.navigation import INBOX, rights_for, sees_business, unread_for
from backoffice.staff.models import Kind, Person, User
from corrections.choices import State
from corrections.permissions import Rights
from corrections.roles import Role
from corrections.selectors import desk
from corrections.selectors.corrections import Listed
from corrections.selectors.views import View

REGISTER = "corrections_correction_changelist"
MY_OWN = ("view", View.MINE)


@dataclass(frozen=True)
class Wording:
    """How one number is called, where its list is, and what an empty one means."""

    label: str | Promise
    page: str
    query: tuple[tuple[str, str], ...] = ()
    tone: str = ""
    heading: str | Promise = ""
    empty: str | Promise = ""


# In the order of the page: what waits for me comes first.
WORDINGS: dict[str, Wording] = {
    "queue": Wording(
        _("Waiting for me"),
        "corrections_queue",
        tone="is-info",
        heading=_("My queue, oldest first"),
        empty=_("Nothing waits for you. New corrections appear here by themselves."),
    ),
    "to_apply": Wording(
        _("Approved, to be applied"),
        REGISTER,
        (("view", View.TO_APPLY),),
        tone="is-info",
        heading=_("Approved, to be applied"),
        empty=_("Nothing waits to be applied."),
    ),
    "under_way": Wording(
        _("Being applied in chunks"),
        REGISTER,
        (("view", View.UNDER_WAY),),
        tone="is-info",
        heading=_("Large batches, being applied in chunks"),
        empty=_("No large batch is under way."),
    ),
    "returned": Wording(_("Returned to me"), REGISTER, (MY_OWN, ("state", State.RETURNED)), tone="is-warn"),
    "failed_mine": Wording(_("Mine, failed"), REGISTER, (MY_OWN, ("state", State.FAILED)), tone="is-bad"),
    "drafts": Wording(_("My drafts"), REGISTER, (MY_OWN, ("state", State.DRAFT))),
    "to_work_on": Wording(
        "",
        REGISTER,
        (("view", View.TO_WORK_ON),),
        heading=_("For me to work on"),
        empty=_("No drafts and nothing returned. Open a record and choose “Propose a correction” to start one."),
    ),
    "waiting_for_others": Wording(
        _("Mine, waiting for others"),
        REGISTER,
        (("view", View.WAITING),),
        heading=_("Mine, waiting for others"),
        empty=_("None of your corrections waits for a decision."),
    ),
    "waiting": Wording(_("Waiting for a decision"), REGISTER, (("state", State.SUBMITTED),), tone="is-info"),
    "unsigned": Wording(_("Break-glass, not countersigned"), REGISTER, (("view", View.UNSIGNED),), tone="is-bad"),
    "referred": Wording(_("Referred to anti-money-laundering"), REGISTER, (("view", View.REFERRED),), tone="is-warn"),
    "held": Wording(_("On hold"), REGISTER, (("view", View.HELD),), tone="is-warn"),
    "failed": Wording(_("Failed, still open"), REGISTER, (("state", State.FAILED),), tone="is-bad"),
    "held_or_failed": Wording(
        "",
        REGISTER,
        (("view", View.TROUBLED),),
        heading=_("On hold or failed"),
        empty=_("Nothing is on hold and nothing has failed."),
    ),
    "applied_today": Wording(_("Applied today"), REGISTER, (("view", View.TODAY),), tone="is-good"),
}


@dataclass(frozen=True)
class Tile:
    label: str | Promise
    url: str
    count: int
    is_capped: bool = False
    oldest: dt.datetime | None = None
    tone: str = ""


@dataclass(frozen=True)
class Listing:
    name: str
    heading: str | Promise
    url: str
    empty: str | Promise
    rows: tuple[Listed, ...]


@dataclass(frozen=True)
class Start:
    tiles: tuple[Tile, ...]
    listings: tuple[Listing, ...]
    roles: tuple[str, ...]
    is_without_role: bool
    sees_business: bool


def start(request: HttpRequest) -> Start:
    """What the signed-in person finds in the morning."""
    rights = rights_for(request)
    found = desk.start_page(actor=request.user, rights=rights)
    return Start(
        tiles=(*_notices(request), *_tiles(found), *_people(rights)),
        listings=tuple(_listings(found)),
        roles=tuple(str(Role(role).label) for role in Role.values if role in rights.roles),
        is_without_role=not rights.roles and not rights.is_superuser,
        sees_business=sees_business(rights),
    )


def _url(wording: Wording) -> str:
    address = reverse(f"admin:{wording.page}")
    return f"{address}?{urlencode(wording.query)}" if wording.query else address


def _tiles(found: desk.StartPage) -> Iterator[Tile]:
    for name, wording in WORDINGS.items():
        if number := found.numbers.get(name):
            tone = wording.tone if number.count else ""
            yield Tile(wording.label, _url(wording), number.count, number.is_capped, number.oldest, tone)


def _notices(request: HttpRequest) -> Iterator[Tile]:
    """Only when there is something new."""
    unread = unread_for(request)
    if unread.count:
        yield Tile(_("Unread notices"), reverse(f"admin:{INBOX}"), unread.count, unread.is_capped, tone="is-warn")


def _listings(found: desk.StartPage) -> Iterator[Listing]:
    for name, wording in WORDINGS.items():
        if name in found.lists:
            yield Listing(name, wording.heading, _url(wording), wording.empty, tuple(found.lists[name]))


def _people(rights: Rights) -> Iterator[Tile]:
    """For who administers people: how many there are, and who has no role yet."""
    if Role.USER_ADMIN not in rights.roles:
        return
    people, accounts = reverse("admin:staff_person_changelist"), reverse("admin:staff_user_changelist")
    active = User.objects.filter(is_active=True)
    roleless = active.filter(groups__isnull=True, kind=Kind.HUMAN)
    without = f"{accounts}?is_active__exact=1&kind__exact={Kind.HUMAN}&groups__isnull=True"
    yield Tile(_("People in service"), f"{people}?is_active__exact=1", Person.objects.filter(is_active=True).count())
    yield Tile(_("Accounts in use"), f"{accounts}?is_active__exact=1", active.count())
    yield Tile(_("Accounts without a role"), without, roleless.count())
