"""Mails of notices: the kind of notice, the correction's number and a link, in the person's language; nothing else.

Of a batch that ended also how many rows were applied and how many not.

No name of a customer, no amount, no value, no reason. A notice is marked as mailed before its mail is sent, so a
process that dies in between loses that mail and never sends it twice. A mail that the server refuses is unmarked, and
tried again by the next round, for MAIL_DAYS_MAX days; a server that can't be reached ends the round's mails at once.
Only a server that took a mail and then broke the connection gets it again.
"""

from __future__ import annotations

import datetime as dt
import smtplib
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from corrections.choices import NoticeKind
from corrections.conf import limits
from corrections.models import Notice
from corrections.selectors.inbox import RowCounts
from corrections.services import _door

# What is wrong with one mail, and what with the way to the server (smtplib's own errors are OSErrors).
MAIL_REFUSED = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, ValueError)
SERVER_FAILS = OSError


def are_on() -> bool:
    """Whether this site sends mails of notices at all."""
    return bool(getattr(settings, "CORRECTIONS_MAILS", False))


def send(
    *, actor: Any, complain: Callable[[str], Any] = lambda text: None, is_over: Callable[[], bool] = lambda: False
) -> tuple[int, int]:
    """Sends what is to be mailed; gives how many went out and how many failed. Never raises for a mail."""
    if not are_on():
        return 0, 0
    waiting = _waiting(actor)
    receivers = _receivers({notice.person_id for notice in waiting})
    sent = failed = 0
    try:
        with mail.get_connection() as connection:
            for notice in waiting:
                if is_over():
                    break
                outcome = _send_one(actor, notice, receivers.get(notice.person_id), connection, complain)
                sent, failed = sent + (outcome > 0), failed + (outcome < 0)
    except SERVER_FAILS as error:
        complain(f"The mail server can't be used: {type(error).__name__}. The mails wait for the next round.")
        failed += 1
    return sent, failed


def _waiting(actor: Any) -> list[Notice]:
    """Oldest first. What is too old to be mailed any more is marked, and stays in the inbox."""
    old = timezone.now() - dt.timedelta(days=limits.MAIL_DAYS_MAX)
    rows = Notice.objects.filter(mailed_at__isnull=True).order_by("pk").select_related("correction")
    found = list(rows[: limits.MAILS_PER_ROUND_MAX])
    given_up = [notice for notice in found if notice.at < old]
    _mark(actor, given_up, timezone.now())
    return [notice for notice in found if notice.at >= old]


def _mark(actor: Any, found: Iterable[Notice], moment: dt.datetime | None) -> int:
    """Marks notices as mailed, or as not mailed; gives how many were not so marked before."""
    pks = [notice.pk for notice in found]
    if not pks:
        return 0
    with _door.opened(actor=actor):
        rows = Notice.objects.filter(pk__in=pks, mailed_at__isnull=moment is not None)
        return rows.update(mailed_at=moment)


def _send_one(actor: Any, notice: Notice, receiver: Any, connection: Any, complain: Callable[[str], Any]) -> int:
    """1: sent. 0: nothing to send, or another clock sends it. -1: failed, and tried again."""
    if not _mark(actor, [notice], timezone.now()) or receiver is None or notice.read_at is not None:
        return 0
    try:
        mail.EmailMessage(*_text(notice, receiver), to=[receiver.email], connection=connection).send()
    except (*MAIL_REFUSED, SERVER_FAILS) as error:
        _mark(actor, [notice], None)
        if not isinstance(error, MAIL_REFUSED):
            raise
        complain(f"Notice {notice.pk} could not be mailed: {type(error).__name__}")
        return -1
    return 1


def _receivers(people: set[int]) -> dict[int, Any]:
    """The account in use to which a person's mails go: the first one with an address."""
    users = get_user_model()._default_manager.filter(person_id__in=people, person__is_active=True, is_active=True)
    accounts: Iterable[Any] = users.exclude(email="").order_by("-pk")
    return {account.person_id: account for account in accounts}


def _text(notice: Notice, receiver: Any) -> tuple[str, str]:
    """Subject and text, in the language that the account chose."""
    with override(getattr(receiver, "language", "") or settings.LANGUAGE_CODE):
        about = f"{notice.correction.number} " if notice.correction and notice.correction.number else ""
        subject = f"{about}{notice.get_kind_display()}"
        counts = RowCounts.of_notice(notice)
        told = [subject] if counts is None else [subject, counts.words]
        lines = [*told, "", _link(notice), "", _("Sign in to see it. This mail holds no data on purpose.")]
        return subject, "\n".join(lines)


# Who is told of these may not be one who sees the correction.
TO_THE_INBOX = (NoticeKind.NOBODY_TO_SIGN, NoticeKind.ROLE_ASKED, NoticeKind.DELEGATED)


def _link(notice: Notice) -> str:
    site = str(getattr(settings, "CORRECTIONS_SITE_URL", "")).rstrip("/")
    if notice.correction_id is None or notice.kind in TO_THE_INBOX:
        page = reverse("admin:corrections_inbox")
    else:
        page = reverse("admin:corrections_correction_change", args=[notice.correction_id])
    return f"{site}{page}" if site else ""
