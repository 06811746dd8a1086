"""Nobody tips the maker off: a hidden flag is on no page, in no notice, mail or file that a maker gets."""

from __future__ import annotations

import html
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse

from backoffice.staff.machines import machine
from backoffice.staff.models import User
from corrections import services
from corrections.engine import gate
from corrections.models import Correction, FlagRule, Notice, Policy, PolicyStep
from corrections.services import mails, notices
from corrections.services.submit import EvidenceMissing
from tests.corrections.checks.flagging import rule
from tests.corrections.services.desk import Desk, put_policy_in_force
from tests.factories.staff import account

pytestmark = pytest.mark.django_db

POLICY = "because of what is hidden"
# What gives it away: its code, its name, its sentence with the threshold, the policy that it calls; in both languages.
TELLING = (
    *("just_under_threshold", "just under a threshold", "lies within", "略低于审批限额", "差额不超过"),
    *("50000.00", "50,000.00", POLICY),
)


@pytest.fixture
def watched(desk: Desk) -> Desk:
    """What is just under 50,000 is signed by compliance as well, and the maker isn't told why."""
    put_policy_in_force(desk, [("checker", 1)])
    with gate.opened(actor=desk.sam):
        FlagRule.objects.exclude(code="just_under_threshold").update(is_active=False)
        large = Policy.objects.create(name="large", priority=50, amount_from="50000.00")
        PolicyStep.objects.create(policy=large, position=1, role="checker")
        hidden = Policy.objects.create(name=POLICY, priority=10, flags=["just_under_threshold"])
        for position, role in enumerate(("checker", "compliance"), start=1):
            PolicyStep.objects.create(policy=hidden, position=position, role=role)
    return desk


def drafted(desk: Desk) -> Correction:
    correction = desk.draft(desk.payout(amount=Decimal("49000.00")))
    desk.attach(correction)
    return correction


def pages(correction: Correction) -> Iterator[str]:
    """Every page on which somebody comes upon this correction."""
    change = correction.changes.get()
    yield reverse("admin:corrections_correction_change", args=[correction.pk])
    for name in ("index", "corrections_queue", "corrections_correction_changelist", "corrections_inbox"):
        yield reverse(f"admin:{name}")
    for name in ("change", "history", "propose"):
        yield reverse(f"admin:accounts_payout_{name}", args=[change.target_pk])


def texts(user: User, correction: Correction) -> dict[str, str]:
    found = {}
    for language in ("en", "zh-hans"):
        client = Client(headers={"accept-language": language})
        client.force_login(user, backend="backoffice.staff.backends.ActivePersonBackend")
        for address in pages(correction):
            answer = client.get(address, follow=True)
            found[f"{address} {language}"] = html.unescape(answer.content.decode())
    return found


def told(user: User, correction: Correction) -> list[tuple[str, str]]:
    return [(place, word) for place, text in texts(user, correction).items() for word in TELLING if word in text]


def way_to_the_end(desk: Desk) -> Iterator[Correction]:
    """A correction at every turn of its life, returned once and taken through all its steps."""
    correction = drafted(desk)
    yield correction
    services.submit(actor=desk.mara, correction=correction)
    yield correction
    services.return_for_rework(actor=desk.chidi, correction=correction, digest=correction.digest, comment="Which bank?")
    yield correction
    services.amend(actor=desk.mara, correction=correction, note="The bank of the receipt.")
    services.submit(actor=desk.mara, correction=correction)
    yield correction
    desk.approve(correction)
    yield correction
    desk.approve(correction, actor=desk.ana)
    assert Correction.objects.get(pk=correction.pk).state == "applied"
    yield correction
    yield desk.reverted(correction)


def test_no_page_tells_a_maker_of_a_hidden_flag_at_any_turn(watched: Desk) -> None:
    for correction in way_to_the_end(watched):
        for maker in (watched.mara, watched.max):
            assert told(maker, correction) == []


def test_whoever_signs_or_audits_is_told_in_both_languages(watched: Desk) -> None:
    correction = drafted(watched)
    services.submit(actor=watched.mara, correction=correction)
    page = reverse("admin:corrections_correction_change", args=[correction.pk])
    for reader in (watched.chidi, watched.ana):
        found = texts(reader, correction)
        assert "just under a threshold" in found[f"{page} en"].lower()
        assert "金额略低于审批限额" in found[f"{page} zh-hans"]


def test_a_checker_who_brought_evidence_is_not_told_either(watched: Desk) -> None:
    both = account("Cleo", "maker", "checker")
    correction = drafted(watched)
    watched.attach(correction, actor=both)
    services.submit(actor=watched.mara, correction=correction)
    assert told(both, correction) == []


def test_who_only_reads_is_not_told(watched: Desk) -> None:
    correction = drafted(watched)
    services.submit(actor=watched.mara, correction=correction)
    for reader in (watched.sam, account("Una", "user_admin")):
        assert told(reader, correction) == []


def test_a_flag_that_is_not_hidden_is_told_to_the_maker(watched: Desk) -> None:
    rule(watched, "just_under_threshold", is_hidden_from_maker=False)
    draft = drafted(watched)
    page = reverse("admin:corrections_correction_change", args=[draft.pk])
    assert "just under a threshold" in texts(watched.mara, draft)[f"{page} en"].lower()
    services.submit(actor=watched.mara, correction=draft)
    assert "just under a threshold" in texts(watched.mara, draft)[f"{page} en"].lower()


def test_the_policy_by_which_a_correction_goes_is_one_that_no_flag_called(watched: Desk) -> None:
    correction = drafted(watched)
    services.submit(actor=watched.mara, correction=correction)
    assert correction.policy is not None
    assert correction.policy.name == "four eyes"
    assert POLICY in str(correction.demand["policies"])
    assert [step["role"] for step in correction.demand["steps"]] == ["checker", "compliance"]


@override_settings(CORRECTIONS_MAILS=True)
def test_no_notice_and_no_mail_tells_a_maker(watched: Desk) -> None:
    watched.mara.email = "mara@example.test"
    watched.mara.save()
    for _correction in way_to_the_end(watched):
        pass
    clock = machine("expire_corrections")
    notices.distribute(actor=clock, with_mails=True)
    mails.send(actor=clock)
    assert "mara@example.test" in {receiver for message in mail.outbox for receiver in message.to}
    mine = Notice.objects.filter(person=watched.mara.person)
    assert mine.exists()
    said: Any = [[notice.kind, notice.subject, str(notice)] for notice in mine]
    said += [[message.subject, message.body] for message in mail.outbox]
    assert [word for word in TELLING if word in str(said)] == []


def test_the_history_report_is_not_a_makers(watched: Desk) -> None:
    for name in ("corrections_history_report", "corrections_flag_report", "corrections_auditevent_changelist"):
        client = Client()
        client.force_login(watched.mara, backend="backoffice.staff.backends.ActivePersonBackend")
        assert client.get(reverse(f"admin:{name}")).status_code == 403


def test_no_refusal_that_a_maker_gets_tells_of_it(watched: Desk) -> None:
    """A flag may ask for more evidence: then the maker hears of the evidence, not of the flag."""
    with gate.opened(actor=watched.sam):
        more = Policy.objects.create(name=POLICY, version=2, priority=5, flags=["just_under_threshold"], evidence_min=2)
        PolicyStep.objects.create(policy=more, position=1, role="checker")
    correction = drafted(watched)
    with pytest.raises(EvidenceMissing) as refusal:
        services.submit(actor=watched.mara, correction=correction)
    assert [word for word in TELLING if word in str(refusal.value)] == []
