"""Notices follow the audit trail: to whom, once, in whatever order events become visible; and their mails."""

from __future__ import annotations

import datetime as dt
import smtplib
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from accounts.models import Payout
from backoffice.staff.machines import machine
from backoffice.staff.models import Person, User
from corrections import services
from corrections.choices import AuditKind, NoticeKind
from corrections.engine import gate
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent, CheckResult, ClockMark, Correction, Delegation, Notice
from corrections.permissions import rights_of
from corrections.selectors import inbox
from corrections.services import clock, mails, notices
from tests.corrections.services.desk import Desk, make_desk, put_policy_in_force, tampered
from tests.factories.staff import account

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor(db: None) -> User:
    return machine("expire_corrections")


def told(kind: NoticeKind) -> set[str]:
    """First names of the people who have such a notice."""
    return {name.split()[0] for name in Notice.objects.filter(kind=kind).values_list("person__name", flat=True)}


def event(desk: Desk, kind: AuditKind, correction: Correction | None = None, **fields: Any) -> AuditEvent:
    with gate.opened(actor=desk.sam):
        return AuditEvent.objects.create(
            **{
                "at": timezone.now(),
                "kind": kind,
                "actor": desk.sam,
                "actor_person_id": desk.sam.person_id,
                "actor_name": "Sam",
                "correction": correction,
                "revision": correction.revision if correction else None,
                **fields,
            }
        )


@pytest.fixture
def read_so_far(desk: Desk, actor: User) -> None:
    """The trail was read up to now, so that numbers which tests before this one took are no gap."""
    last = event(desk, AuditKind.EXPORTED)
    with gate.opened(actor=actor):
        ClockMark.objects.create(name=notices.MARK, last_event=last.pk)


# To whom


def test_whoever_can_sign_the_open_step_is_told_once(desk: Desk, actor: User) -> None:
    desk.submitted()
    assert notices.distribute(actor=actor) == 2
    assert told(NoticeKind.TO_DECIDE) == {"Chidi", "Carl"}
    assert notices.distribute(actor=actor) == 0


def test_the_next_step_is_told_to_those_who_can_sign_it(desk: Desk, actor: User, two_step_policy: None) -> None:
    correction = desk.submitted()
    notices.distribute(actor=actor)
    desk.approve(correction)
    notices.distribute(actor=actor)
    assert Notice.objects.filter(kind=NoticeKind.TO_DECIDE, person=desk.carl.person).count() == 2
    assert Notice.objects.filter(kind=NoticeKind.TO_DECIDE, person=desk.chidi.person).count() == 1


def test_the_maker_hears_what_others_did_and_not_what_he_did(desk: Desk, actor: User) -> None:
    rejected, returned, held, withdrawn = (desk.submitted() for _ in range(4))
    desk.applied()
    services.reject(actor=desk.chidi, correction=rejected, digest=rejected.digest, comment="No.")
    services.return_for_rework(actor=desk.chidi, correction=returned, digest=returned.digest, comment="Why?")
    services.hold(actor=desk.ana, correction=held, comment="Wait.")
    services.withdraw(actor=desk.mara, correction=withdrawn)
    notices.distribute(actor=actor)
    kinds = sorted(Notice.objects.filter(person=desk.mara.person).values_list("kind", flat=True))
    assert kinds == ["applied", "held", "rejected", "returned"]


def test_the_maker_hears_of_a_failed_apply_and_of_expiry_but_not_of_own_rework(desk: Desk, actor: User) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="CCB")
    with pytest.raises(CorrectionError):
        desk.approve(correction)
    services.rework(actor=desk.mara, correction=correction)
    tampered(Correction, correction.pk, expires_at=timezone.now() - dt.timedelta(hours=1))
    clock.run(actor=actor)
    kinds = sorted(Notice.objects.filter(person=desk.mara.person).values_list("kind", flat=True))
    assert kinds == ["expired", "failed"]


def test_a_decided_correction_waits_for_nobody_any_more(desk: Desk, actor: User) -> None:
    desk.applied()
    notices.distribute(actor=actor)
    assert told(NoticeKind.TO_DECIDE) == set()
    assert told(NoticeKind.APPLIED) == {"Mara"}


def test_with_nobody_to_sign_user_administrators_are_told(desk: Desk, actor: User) -> None:
    account("Uma", "user_admin")
    put_policy_in_force(desk, [("checker", 1), ("president", 1)])
    correction = desk.submitted()
    notices.distribute(actor=actor)
    found = Notice.objects.get(kind=NoticeKind.NOBODY_TO_SIGN)
    assert (found.person.name, found.subject, found.correction_id) == ("Uma", "president", correction.pk)
    assert told(NoticeKind.TO_DECIDE) == {"Chidi", "Carl"}


def test_with_enough_people_no_user_administrator_is_told(desk: Desk, actor: User) -> None:
    account("Uma", "user_admin")
    desk.submitted()
    notices.distribute(actor=actor)
    assert told(NoticeKind.NOBODY_TO_SIGN) == set()


def test_reminder_and_escalation_go_to_whom_they_are_for(desk: Desk, actor: User) -> None:
    from corrections.models import Policy, PolicyStep

    account("Sena", "senior_checker", scope=desk.shanghai)
    account("Sol", "senior_checker", scope=desk.beijing)
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(is_active=True).update(is_active=False)
        policy = Policy.objects.create(name="four eyes", version=2, reminder_hours=1, escalation_hours=2)
        PolicyStep.objects.create(policy=policy, position=1, role="checker", escalates_to="senior_checker")
    correction = desk.submitted()
    with time_machine.travel(timezone.now() + dt.timedelta(days=5), tick=False):
        clock.run(actor=actor)
    assert told(NoticeKind.ESCALATED) == {"Sena"}
    assert told(NoticeKind.REMINDER) == {"Chidi", "Carl", "Sena"}
    assert correction.audit_events.filter(kind=AuditKind.ESCALATED).count() == 1


def test_compliance_of_the_scope_hears_of_three_misses(desk: Desk, actor: User) -> None:
    account("Bert", "compliance", scope=desk.beijing)
    event(desk, AuditKind.REKEY_MISSED, desk.submitted())
    notices.distribute(actor=actor)
    assert told(NoticeKind.REKEY_MISSED) == {"Ana"}


def test_a_raised_tier_is_told_to_the_maker_unless_a_hidden_flag_may_be_why(desk: Desk, actor: User) -> None:
    open_, hidden = desk.submitted(), desk.submitted()
    with gate.opened(actor=desk.sam):
        CheckResult.objects.create(
            correction=hidden,
            revision=1,
            moment="decision",
            check_code="staff_party",
            verdict="warn",
            is_flag=True,
            is_hidden=True,
            at=timezone.now(),
        )
    event(desk, AuditKind.TIER_RAISED, open_)
    event(desk, AuditKind.TIER_RAISED, hidden)
    notices.distribute(actor=actor)
    assert list(Notice.objects.filter(kind="tier_raised").values_list("correction_id", flat=True)) == [open_.pk]


def test_a_referral_is_a_hold_to_its_maker(desk: Desk, actor: User) -> None:
    correction = desk.submitted()
    services.refer(actor=desk.ana, correction=correction, comment="Listed name.")
    notices.distribute(actor=actor)
    mine = Notice.objects.filter(person=desk.mara.person)
    assert list(mine.values_list("kind", flat=True)) == ["held"]


def test_a_role_asked_for_and_a_delegation_find_their_people(desk: Desk, actor: User) -> None:
    account("Uma", "user_admin")
    ulf = account("Ulf", "user_admin")
    today = timezone.localdate()
    with gate.opened(actor=desk.sam):
        loan = Delegation.objects.create(
            giver=desk.chidi.person,
            receiver=desk.bea.person,
            role="checker",
            scope_key="*",
            starts_on=today,
            ends_on=today,
            reason="Leave.",
            created_at=timezone.now(),
        )
    event(desk, AuditKind.ROLE_ASKED, subject="role_request:1", actor=ulf, actor_person_id=ulf.person_id)
    event(desk, AuditKind.DELEGATED, subject=f"delegation:{loan.pk}")
    notices.distribute(actor=actor)
    assert told(NoticeKind.ROLE_ASKED) == {"Uma"}
    assert told(NoticeKind.DELEGATED) == {"Bea"}


def test_unsigned_break_glass_is_told_to_compliance_daily_until_it_is_countersigned(desk: Desk, actor: User) -> None:
    put_policy_in_force(desk, [("checker", 1)], allows_break_glass=True)
    sena = account("Sena", "senior_checker", scope=desk.shanghai)
    noon = timezone.localtime().replace(hour=12)  # a quarter of an hour later it is still the same day
    with time_machine.travel(noon, tick=False):
        correction = desk.submitted()
        services.break_glass(
            actor=sena, correction=correction, digest=correction.digest, reason="The bank closes in ten minutes."
        )
        notices.distribute(actor=actor)
    assert told(NoticeKind.TO_DECIDE) == {"Chidi", "Carl"}
    assert told(NoticeKind.UNSIGNED_BREAK_GLASS) == set()
    found = []
    for days in (1.01, 1.02, 2.01):
        with time_machine.travel(noon + dt.timedelta(days=days), tick=False):
            notices.distribute(actor=actor)
            found.append(Notice.objects.filter(kind="unsigned_break_glass", person=desk.ana.person).count())
    assert found == [1, 1, 2]
    with time_machine.travel(noon + dt.timedelta(days=2.02), tick=False):
        services.countersign(actor=desk.chidi, correction=correction, digest=correction.digest)
    with time_machine.travel(noon + dt.timedelta(days=3.01), tick=False):
        notices.distribute(actor=actor)
    assert Notice.objects.filter(kind="unsigned_break_glass").count() == 2


def test_i15_receivers_of_one_event_are_bounded(desk: Desk, actor: User, settings: Any) -> None:
    settings.CORRECTIONS_NOTICE_RECEIVERS_MAX = 1
    desk.submitted()
    assert notices.distribute(actor=actor) == 1


def test_what_is_long_past_is_told_to_nobody(desk: Desk, actor: User) -> None:
    desk.applied()
    with time_machine.travel(timezone.now() + dt.timedelta(days=8), tick=False):
        assert notices.distribute(actor=actor) == 0
    assert ClockMark.objects.get().last_event == AuditEvent.objects.latest("pk").pk


# How the trail is read


def test_events_are_read_in_passes_to_the_end(desk: Desk, actor: User, settings: Any, read_so_far: None) -> None:
    settings.CORRECTIONS_EVENTS_PER_PASS = 2
    for _ in range(3):
        desk.applied()
    notices.distribute(actor=actor)
    assert Notice.objects.filter(kind="applied").count() == 3
    assert ClockMark.objects.get().last_event == AuditEvent.objects.latest("pk").pk


def test_an_event_that_becomes_visible_late_is_not_lost(desk: Desk, actor: User, read_so_far: None) -> None:
    """Its number is lower than that of one which was read already."""
    correction = desk.submitted()
    notices.distribute(actor=actor)
    settled = ClockMark.objects.get().last_event
    event(desk, AuditKind.HELD, correction, pk=settled + 2)
    notices.distribute(actor=actor)
    assert told(NoticeKind.HELD) == {"Mara"}  # what stands behind the gap is told at once
    assert ClockMark.objects.get().last_event == settled
    event(desk, AuditKind.REJECTED, correction, pk=settled + 1)
    notices.distribute(actor=actor)
    assert told(NoticeKind.REJECTED) == {"Mara"}
    assert Notice.objects.filter(kind="held").count() == 1  # it was read twice, and told once
    assert ClockMark.objects.get().last_event == settled + 2


def test_a_gap_that_nothing_will_fill_is_passed_once_it_is_old(desk: Desk, actor: User, read_so_far: None) -> None:
    correction = desk.submitted()
    notices.distribute(actor=actor)
    settled = ClockMark.objects.get().last_event
    event(desk, AuditKind.HELD, correction, pk=settled + 5)
    notices.distribute(actor=actor)
    assert ClockMark.objects.get().last_event == settled
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=11), tick=False):
        notices.distribute(actor=actor)
    assert ClockMark.objects.get().last_event == settled + 5


def test_the_mark_never_goes_back(desk: Desk, actor: User, read_so_far: None) -> None:
    desk.submitted()
    slower = notices._Mark.read(actor)
    notices.distribute(actor=actor)
    last = ClockMark.objects.get().last_event
    slower.settled = last - 1
    slower.keep(actor)
    assert ClockMark.objects.get().last_event == last


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_commits_after_a_later_one_is_told_of_as_well() -> None:
    """Two connections: the lower number commits last."""
    desk, actor = make_desk(), machine("expire_corrections")
    first, second = desk.submitted(), desk.submitted()
    notices.distribute(actor=actor)
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT nextval(pg_get_serial_sequence('corrections_auditevent', 'id'))")
            [late] = cursor.fetchone()
            services.hold(actor=desk.ana, correction=second, comment="Wait.")
            notices.distribute(actor=actor)
            assert Notice.objects.filter(kind="held").count() == 1
            cursor.execute("COMMIT")
    finally:
        other.close()
    event(desk, AuditKind.HELD, first, pk=late)
    notices.distribute(actor=actor)
    assert Notice.objects.filter(kind="held").count() == 2


# Reading and keeping


def test_i07_a_notice_is_read_or_mailed_and_never_changed(desk: Desk, actor: User) -> None:
    desk.submitted()
    notices.distribute(actor=actor)
    with pytest.raises(IntegrityError), transaction.atomic(), gate.opened(actor=desk.sam):
        Notice.objects.update(kind="applied")
    with pytest.raises(IntegrityError), transaction.atomic(), gate.opened(actor=desk.sam):
        Notice.objects.all().delete()


def test_only_ones_own_notice_is_marked_read(desk: Desk, actor: User) -> None:
    desk.submitted()
    notices.distribute(actor=actor)
    own = Notice.objects.get(person=desk.chidi.person)
    with pytest.raises(CorrectionError) as caught:
        services.mark_read(actor=desk.carl, notice=own)
    assert caught.value.code == "notice_is_not_yours"
    services.mark_read(actor=desk.chidi, notice=own)
    first = own.read_at
    services.mark_read(actor=desk.chidi, notice=own)
    assert (first is None, own.read_at) == (False, first)
    assert inbox.unread(rights_of(desk.carl)).count == 1


def test_all_are_marked_read_up_to_the_last_one_seen(desk: Desk, actor: User) -> None:
    for _ in range(3):
        desk.submitted()
    notices.distribute(actor=actor)
    own = list(Notice.objects.filter(person=desk.chidi.person).order_by("pk"))
    assert services.mark_all_read(actor=desk.chidi, up_to=own[1].pk) == 2
    assert inbox.unread(rights_of(desk.chidi)).count == 1
    assert inbox.unread(rights_of(desk.carl)).count == 3


# Mails

SECRETS = ("Zhang Ming", "6222020000001187", "1187", "800", "CMB", "ICBC", "mapping wrote", "Bank confirmed by phone")


@pytest.fixture
def mailing(desk: Desk, settings: Any) -> None:
    settings.CORRECTIONS_MAILS = True
    settings.CORRECTIONS_SITE_URL = "https://desk.example.com/"
    for user in (desk.mara, desk.chidi, desk.carl, desk.ana):
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.com")
    User.objects.filter(pk=desk.chidi.pk).update(language="zh-hans")


def test_a_mail_holds_the_kind_the_number_and_a_link(desk: Desk, actor: User, mailing: None) -> None:
    correction = desk.submitted()
    clock.run(actor=actor)
    english = next(message for message in mail.outbox if message.to == ["carl@example.com"])
    assert english.subject == f"{correction.number} waits for your signature"
    assert f"https://desk.example.com/admin/corrections/correction/{correction.pk}/change/" in english.body
    chinese = next(message for message in mail.outbox if message.to == ["chidi@example.com"])
    assert chinese.subject == f"{correction.number} 等待您签字"


def sent(message: mail.EmailMessage) -> str:
    """The message as it leaves, without the headers that are numbers of chance."""
    whole = message.message()
    del whole["Message-ID"], whole["Date"]
    return str(whole)


def test_i13_no_mail_holds_a_value_a_name_an_amount_or_a_reason(desk: Desk, actor: User, mailing: None) -> None:
    put_policy_in_force(desk, [("checker", 1)], allows_break_glass=True, reminder_hours=1)
    sena = account("Sena", "senior_checker", scope=desk.shanghai, email="sena@example.com")
    rejected, returned, held, waiting, broken = (desk.submitted() for _ in range(5))
    desk.applied()
    why = "Bank confirmed by phone."
    services.reject(actor=desk.chidi, correction=rejected, digest=rejected.digest, comment=why)
    services.return_for_rework(actor=desk.chidi, correction=returned, digest=returned.digest, comment=why)
    services.refer(actor=desk.ana, correction=held, comment=why)
    services.break_glass(actor=sena, correction=broken, digest=broken.digest, reason=why)
    tampered(Correction, waiting.pk, step_opened_at=timezone.now() - dt.timedelta(days=9))
    clock.run(actor=actor)
    kinds = set(Notice.objects.filter(mailed_at__isnull=False).values_list("kind", flat=True))
    assert kinds >= {"to_decide", "rejected", "returned", "held", "applied", "reminder"}
    assert len(mail.outbox) > 6
    said = "\n".join(sent(message) + message.subject + message.body for message in mail.outbox)
    assert [secret for secret in SECRETS if secret in said] == []
    assert "anti-money" not in said


def test_each_mail_goes_out_once_and_none_without_an_address(desk: Desk, actor: User, mailing: None) -> None:
    User.objects.filter(pk=desk.carl.pk).update(email="")
    desk.submitted()
    assert clock.run(actor=actor).mails == 1
    assert clock.run(actor=actor).mails == 0
    assert [message.to for message in mail.outbox] == [["chidi@example.com"]]


def test_nobody_out_of_force_is_mailed(desk: Desk, actor: User, mailing: None) -> None:
    desk.submitted()
    notices.distribute(actor=actor)
    Person.objects.filter(pk=desk.chidi.person_id).update(is_active=False)
    User.objects.filter(pk=desk.carl.pk).update(is_active=False)
    assert mails.send(actor=actor) == (0, 0)


def test_a_site_that_sends_no_mails_never_sends_the_old_ones_later(desk: Desk, actor: User, mailing: None) -> None:
    from django.conf import settings

    settings.CORRECTIONS_MAILS = False
    desk.submitted()
    clock.run(actor=actor)
    settings.CORRECTIONS_MAILS = True
    assert clock.run(actor=actor).mails == 0
    assert mail.outbox == []


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, *, for_: str = "") -> None:
    send = EmailBackend.send_messages

    def refused(backend: EmailBackend, messages: Any) -> int:
        if for_ in messages[0].to[0]:
            raise error
        return int(send(backend, messages) or 0)

    monkeypatch.setattr(EmailBackend, "send_messages", refused)


def test_a_refused_mail_is_tried_again_and_the_others_go_out(
    desk: Desk, actor: User, mailing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.submitted()
    with monkeypatch.context() as patched:
        failing(patched, smtplib.SMTPRecipientsRefused({}), for_="chidi")
        done = clock.run(actor=actor)
    assert (done.mails, done.unsent, done.refused) == (1, 1, 0)
    assert clock.run(actor=actor).mails == 1
    assert {message.to[0] for message in mail.outbox} == {"carl@example.com", "chidi@example.com"}


def test_a_server_that_is_away_blocks_no_clock_and_loses_no_mail(
    desk: Desk, actor: User, mailing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.submitted()
    with monkeypatch.context() as patched:
        failing(patched, ConnectionRefusedError("away"))
        done = clock.run(actor=actor)
    assert (done.notices, done.mails, done.unsent) == (2, 0, 1)
    assert clock.run(actor=actor).mails == 2


def test_a_mail_that_never_goes_is_given_up_after_days(
    desk: Desk, actor: User, mailing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.submitted()
    with monkeypatch.context() as patched:
        failing(patched, smtplib.SMTPRecipientsRefused({}))
        clock.run(actor=actor)
    with time_machine.travel(timezone.now() + dt.timedelta(days=4), tick=False):
        assert mails.send(actor=actor) == (0, 0)
    assert not Notice.objects.filter(mailed_at__isnull=True).exists()
    assert Notice.objects.count() == 2


def test_what_was_read_in_the_inbox_is_not_mailed(desk: Desk, actor: User, mailing: None) -> None:
    desk.submitted()
    notices.distribute(actor=actor)
    services.mark_all_read(actor=desk.chidi, up_to=10**9)
    assert mails.send(actor=actor) == (1, 0)


def test_a_user_administrator_is_led_to_the_inbox_and_not_to_a_page_that_is_closed(
    desk: Desk, actor: User, mailing: None
) -> None:
    account("Uma", "user_admin", email="uma@example.com")
    put_policy_in_force(desk, [("president", 1)])
    desk.submitted()
    clock.run(actor=actor)
    [message] = [message for message in mail.outbox if message.to == ["uma@example.com"]]
    assert "https://desk.example.com/admin/inbox/" in message.body
