"""One person's notices: unread ones first, newest first, by pages; nobody else's, whatever role one holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from corrections.choices import NoticeKind
from corrections.conf import limits
from corrections.models import Notice
from corrections.permissions import Rights
from corrections.roles import Role
from corrections.selectors.corrections import scope_labels, visible

# Notices that something is to be done now; the others only tell.
TO_DO = frozenset(
    {
        NoticeKind.TO_DECIDE,
        NoticeKind.RETURNED,
        NoticeKind.FAILED,
        NoticeKind.REMINDER,
        NoticeKind.ESCALATED,
        NoticeKind.NOBODY_TO_SIGN,
        NoticeKind.UNSIGNED_BREAK_GLASS,
        NoticeKind.ROLE_ASKED,
        NoticeKind.BATCH_STOPPED,
        NoticeKind.BATCH_FAILED,
    }
)
ABOUT_BATCHES = frozenset({NoticeKind.BATCH_APPLIED, NoticeKind.BATCH_STOPPED, NoticeKind.BATCH_FAILED})


@dataclass(frozen=True)
class RowCounts:
    """What became of a batch's rows, as a notice keeps it in its subject: three numbers and nothing of the rows."""

    applied: int
    failed: int
    untried: int

    @classmethod
    def of_event(cls, detail: Mapping[str, Any]) -> RowCounts:
        return cls(*(int(detail.get(name, 0)) for name in ("rows", "failed", "untried")))

    @classmethod
    def of_notice(cls, notice: Notice) -> RowCounts | None:
        counts = notice.subject.split() if notice.kind in ABOUT_BATCHES else []
        return cls(*map(int, counts)) if any(count != "0" for count in counts) else None

    def __str__(self) -> str:
        return f"{self.applied} {self.failed} {self.untried}"

    @property
    def words(self) -> str:
        """In the reader's language, without what there is none of."""
        told = (
            (self.applied, _("rows applied: %(count)s")),
            (self.failed, _("not applied: %(count)s")),
            (self.untried, _("never tried: %(count)s")),
        )
        return " · ".join(
            text % {"count": number_format(count, use_l10n=True, force_grouping=True)} for count, text in told if count
        )


@dataclass(frozen=True)
class Line:
    """One notice in words. Without `correction_pk` there is nothing that this account may open."""

    pk: int
    text: str
    number: str
    about: str
    at: dt.datetime
    is_read: bool
    is_to_do: bool
    correction_pk: int | None


@dataclass(frozen=True)
class Unread:
    count: int
    is_capped: bool


@dataclass(frozen=True)
class InboxPage:
    """`count` is how many are unread; `newest` is the last of all that the person could have seen here."""

    lines: list[Line]
    count: int
    is_capped: bool
    newest: int
    next: str = ""  # where the next page goes on
    is_first: bool = True


def of_person(rights: Rights) -> QuerySet[Notice]:
    return Notice.objects.filter(person_id=rights.person_id or 0)


def unread(rights: Rights) -> Unread:
    """How many are unread, counted no further than the header shows; one statement."""
    if rights.person_id is None:
        return Unread(0, False)
    most = limits.NOTICES_COUNT_MAX
    found = of_person(rights).filter(read_at__isnull=True).order_by()[: most + 1].count()
    return Unread(min(found, most), found > most)


def page(*, actor: Any, rights: Rights, part: str = "", below: int | None = None) -> InboxPage:
    """One page: what is unread, and after the last of that what was read. `part` and `below` come from `next`."""
    most = limits.PAGE_ROWS
    is_read = part == "read"
    rows = [] if is_read else _some(rights, below, is_read=False)
    if len(rows) <= most:
        rows += _some(rights, below if is_read else None, is_read=True)
    shown = rows[:most]
    waiting = unread(rights)
    return InboxPage(
        lines=_lines(actor, rights, shown),
        count=waiting.count,
        is_capped=waiting.is_capped,
        newest=max((notice.pk for notice in shown), default=0),
        next=_place(rows[most - 1]) if len(rows) > most else "",
        is_first=below is None,
    )


def _some(rights: Rights, below: int | None, *, is_read: bool) -> list[Notice]:
    rows = of_person(rights).filter(read_at__isnull=not is_read).select_related("correction").order_by("-pk")
    return list((rows if below is None else rows.filter(pk__lt=below))[: limits.PAGE_ROWS + 1])


def _place(notice: Notice) -> str:
    return f"part={'read' if notice.read_at else 'unread'}&below={notice.pk}"


def _lines(actor: Any, rights: Rights, notices: Sequence[Notice]) -> list[Line]:
    pks = {notice.correction_id for notice in notices if notice.correction_id is not None}
    seen = visible(actor=actor, rights=rights, are_few=True).filter(pk__in=pks)
    visible_pks = set(seen.values_list("pk", flat=True)) if pks else set()
    scopes = scope_labels(pks) if any(notice.kind == NoticeKind.NOBODY_TO_SIGN for notice in notices) else {}
    return [_line(notice, notice.correction_id in visible_pks, scopes) for notice in notices]


def _line(notice: Notice, is_visible: bool, scopes: dict[int, str]) -> Line:
    correction = notice.correction
    return Line(
        pk=notice.pk,
        text=notice.get_kind_display(),
        number=str(correction.number or "") if correction is not None else "",
        about=_about(notice, is_visible, scopes),
        at=notice.at,
        is_read=notice.read_at is not None,
        is_to_do=notice.kind in TO_DO,
        correction_pk=notice.correction_id if is_visible else None,
    )


def _about(notice: Notice, is_visible: bool, scopes: dict[int, str]) -> str:
    """What changes, to whoever may see it; of a missing signer, which role on which scope."""
    role = Role(notice.subject).label if notice.subject in Role.values else ""
    if notice.kind == NoticeKind.NOBODY_TO_SIGN:
        return ", ".join(filter(None, [str(role), scopes.get(notice.correction_id or 0, "")]))
    if notice.correction is not None:
        counts = RowCounts.of_notice(notice)
        summary = notice.correction.summary if is_visible else ""
        return " · ".join(filter(None, [counts.words if counts else "", summary]))
    return str(role)
