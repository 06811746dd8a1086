"""The checker's page: what it shows to whom, and that each act is a POST of its own that refuses in the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Payout
from backoffice.staff.models import User
from corrections import services
from corrections.admin.decide import VERBS
from corrections.choices import State
from corrections.errors import Conflict
from corrections.gate import recorded_write
from corrections.models import AuditEvent, Correction, Decision
from tests.corrections.services.desk import Desk
from tests.factories.staff import account, give_roles
from tests.sandbox.models import Label, Parcel

pytestmark = pytest.mark.django_db
QUERIES_MAX = 14

Get = Callable[..., HttpResponse]
Post = Callable[..., HttpResponse]


@pytest.fixture
def get(client: Client) -> Get:
    def get(user: User, correction: Correction, **query: Any) -> Any:
        client.force_login(user)
        return client.get(reverse("admin:corrections_correction_change", args=[correction.pk]), query)

    return get


@pytest.fixture
def post(client: Client) -> Post:
    def post(user: User, correction: Correction, verb: str, **data: Any) -> Any:
        client.force_login(user)
        if verb in {"approve", "return", "reject"}:
            data.setdefault("digest", correction.digest)
        return client.post(reverse(f"admin:corrections_correction_{verb}", args=[correction.pk]), data)

    return post


def html(answer: HttpResponse) -> str:
    return answer.content.decode()


def state(correction: Correction) -> str:
    return str(Correction.objects.get(pk=correction.pk).state)


# What the page shows


def test_the_page_shows_all_that_a_decision_needs(desk: Desk, get: Get) -> None:
    correction = desk.submitted(desk.payout(), counterparty_bank="CMB", failure_code="15")
    page = html(get(desk.chidi, correction))
    for text in (
        correction.number,
        "waiting for decision",
        "¥800.00",
        "Shanghai",
        str(desk.mara.person),
        "ICBC",
        "CMB",
        "The mapping wrote the wrong bank code.",
        "T-1",
        "System defect",
        "receipt.txt",
        "queue 1/1",
        "channel receipt",
        correction.digest,
        "four eyes v1",
        "Ctrl+Enter",
    ):
        assert str(text) in page, text


def test_secrets_stand_masked_in_every_part_of_the_page(desk: Desk, get: Get, customer_fields_allowed: None) -> None:
    payout = desk.payout()
    correction = desk.draft(payout, counterparty_account="6222020000005556")
    desk.attach(correction, kind="customer_consent")
    services.submit(actor=desk.mara, correction=correction)
    page = html(get(desk.chidi, correction))
    assert "5556" in page
    assert "1187" in page
    for secret in ("6222020000005556", "6222020000001187"):
        assert secret not in page
    change = correction.changes.get()
    assert change.new["counterparty_account_cipher"] not in page


def test_a_value_that_moved_on_is_told(desk: Desk, get: Get) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="CCB")
    assert "in the table now: CCB" in html(get(desk.chidi, correction))


def test_the_second_revision_says_what_moved_and_why_it_came_back(desk: Desk, get: Get) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    services.return_for_rework(
        actor=desk.chidi, correction=correction, digest=correction.digest, comment="No channel receipt."
    )
    services.remove_change(actor=desk.mara, change=correction.changes.get())
    services.add_change(actor=desk.mara, correction=correction, target=payout, values={"counterparty_bank": "ABC"})
    services.amend(actor=desk.mara, correction=correction, ticket="T-2")
    services.remove_evidence(actor=desk.mara, evidence=correction.evidence.get())
    desk.attach(correction, text="Another receipt, of the channel.")
    services.submit(actor=desk.mara, correction=correction)
    answer = get(desk.chidi, correction)
    moved = answer.context["sheet"].moved  # type: ignore[attr-defined]
    assert (moved.since, moved.comment, moved.by) == (1, "No channel receipt.", str(desk.chidi.person))
    told = {(item.label.split(" · ")[-1], item.before, item.after) for item in moved.differences}
    assert {("bank code", "CMB", "ABC"), ("ticket", "T-1", "T-2")} <= told
    assert {("evidence", "receipt.txt", ""), ("evidence", "", "receipt.txt")} <= told
    assert "No channel receipt." in html(answer)
    assert "Since revision 1" in html(answer)


def test_the_checker_sees_that_a_value_in_the_table_moved_between_revisions(desk: Desk, get: Get) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout, counterparty_bank="CMB")
    with recorded_write(source="channel-callback"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="ABC")
    with pytest.raises(Conflict):
        desk.approve(correction)
    services.rework(actor=desk.mara, correction=correction)
    services.remove_change(actor=desk.mara, change=correction.changes.get())
    fresh = Payout.objects.get(pk=payout.pk)
    services.add_change(actor=desk.mara, correction=correction, target=fresh, values={"counterparty_bank": "CMB"})
    services.submit(actor=desk.mara, correction=correction)
    moved = get(desk.chidi, correction).context["sheet"].moved  # type: ignore[attr-defined]
    told = [(item.label.split(" · ")[-1], item.before, item.after) for item in moved.differences]
    assert told == [("bank code (now)", "ICBC", "ABC")]


def test_related_corrections_and_links_between_a_revert_and_its_original(desk: Desk, get: Get) -> None:
    payout = desk.payout()
    applied = desk.applied(payout)
    back = desk.reverted(applied)
    original, revert = html(get(desk.chidi, applied)), html(get(desk.chidi, back))
    assert str(back.number) in original
    assert "Taken back by" in original
    assert "Takes back" in revert
    assert reverse("admin:corrections_correction_change", args=[applied.pk]) in revert


def test_a_correction_of_no_branch_is_of_the_whole_company(desk: Desk, get: Get) -> None:
    with recorded_write(source="loader"):
        label = Label.objects.create(parcel=Parcel.objects.create(code="P1"), text="fragile")
    maker = account("Ed", "maker")
    correction = services.draft(
        actor=maker, target=label, values={"text": "heavy"}, reason="process_gap", note="It was weighed again."
    )
    page = html(get(maker, correction, read=1))
    assert "<span>whole company</span>" in page


def test_an_open_correction_of_another_field_of_the_record_is_named(desk: Desk, get: Get) -> None:
    payout = desk.payout()
    first = desk.submitted(payout, counterparty_bank="CMB")
    second = desk.submitted(payout, failure_code="15")
    page = html(get(desk.chidi, second))
    assert "Also open on the same records" in page
    assert str(first.number) in page


def test_fields_that_moved_on_stand_on_the_page_of_a_revert(desk: Desk, get: Get) -> None:
    payout = desk.payout()
    applied = desk.applied(payout, counterparty_bank="CMB", failure_code="15")
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="CCB")
    page = html(get(desk.chidi, desk.reverted(applied)))
    assert "moved on since" in page
    assert all(text in page for text in ("ICBC", "CMB", "CCB"))


def test_approve_waits_for_every_piece_of_evidence_to_be_opened(desk: Desk, get: Get, client: Client) -> None:
    correction = desk.draft()
    first, second = desk.attach(correction), desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    before = get(desk.chidi, correction)
    assert [item.pk for item in before.context["unopened"]] == [second.pk]  # type: ignore[attr-defined]
    assert re.search(r"<button[^>]* disabled>Approve", html(before))
    for item in (first, second):
        client.get(reverse("admin:corrections_evidence_preview", args=[item.pk]))
    after = get(desk.chidi, correction)
    assert after.context["unopened"] == []  # type: ignore[attr-defined]
    assert not re.search(r"<button[^>]* disabled>Approve", html(after))


def test_what_a_colleague_opened_was_not_opened_by_me(desk: Desk, get: Get) -> None:
    correction = desk.draft()
    item = desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    services.open_preview(actor=desk.carl, evidence=item)
    assert not get(desk.chidi, correction).context["sheet"].evidence[0].is_opened  # type: ignore[attr-defined]
    assert get(desk.carl, correction).context["sheet"].evidence[0].is_opened  # type: ignore[attr-defined]


def test_the_approval_form_prints_every_signature(desk: Desk, get: Get) -> None:
    correction = desk.applied()
    page = html(get(desk.ana, correction, print=1))
    for text in (correction.number, desk.mara.person, desk.chidi.person, correction.digest, "Approval form"):
        assert str(text) in page


@pytest.mark.parametrize("rows", [1, 6])
def test_queries_do_not_grow_with_the_correction(
    desk: Desk, client: Client, rows: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    correction = desk.draft()
    for _ in range(rows):
        services.add_change(
            actor=desk.mara, correction=correction, target=desk.payout(), values={"counterparty_bank": "CMB"}
        )
        desk.attach(correction)
    services.submit(actor=desk.mara, correction=correction)
    client.force_login(desk.chidi)
    with django_assert_max_num_queries(QUERIES_MAX):
        answer = client.get(reverse("admin:corrections_correction_change", args=[correction.pk]))
    assert answer.status_code == 200


# Who sees it


def test_another_branch_gets_not_found_for_the_page_and_for_every_act(desk: Desk, get: Get, post: Post) -> None:
    correction = desk.submitted()
    uma = account("Uma", "user_admin")
    for user in (desk.bo, desk.bea, uma):
        assert get(user, correction).status_code == 404
        for verb in VERBS:
            assert post(user, correction, verb, comment="x").status_code == 404
    assert state(correction) == State.SUBMITTED


def test_a_visitor_is_sent_to_sign_in(desk: Desk, client: Client) -> None:
    correction = desk.submitted()
    for verb in ("change", *VERBS):
        answer = client.post(reverse(f"admin:corrections_correction_{verb}", args=[correction.pk]))
        assert answer.status_code == 302
        assert "login" in answer["Location"]


def test_a_superuser_sees_but_cannot_decide(desk: Desk, get: Get, post: Post) -> None:
    correction = desk.submitted()
    page = get(desk.sam, correction)
    assert page.status_code == 200
    assert not page.context["acts"].may_decide  # type: ignore[attr-defined]
    for verb in ("approve", "return", "reject", "hand_over", "hold", "withdraw", "apply", "revert"):
        answer = post(desk.sam, correction, verb, comment="x", reason="system_defect", note="x", to=desk.carl.pk)
        assert answer.status_code in {403, 409}, verb
    assert state(correction) == State.SUBMITTED
    assert Decision.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("chidi", {"approve", "return", "reject", "hand_over"}),
        ("mara", {"withdraw"}),
        ("max", set()),
        ("ana", {"hold", "refer"}),
        ("eve", set()),
        ("sam", set()),
    ],
)
def test_each_is_offered_only_his_own_acts(desk: Desk, get: Get, name: str, offered: set[str]) -> None:
    correction = desk.submitted()
    answer = get(getattr(desk, name), correction, read=1)
    assert answer.context["acts"].offered == offered  # type: ignore[attr-defined]
    page = html(answer)
    for verb in VERBS:
        url = reverse(f"admin:corrections_correction_{verb}", args=[correction.pk])
        assert (f'action="{url}"' in page) is (verb in offered), verb


def test_the_maker_with_a_checkers_role_is_told_why_he_cannot_decide(desk: Desk, get: Get, post: Post) -> None:
    correction = desk.submitted()
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    assert "another person must decide it" in html(get(desk.mara, correction))
    answer = post(desk.mara, correction, "approve")
    assert answer.status_code == 403
    assert "(maker_cannot_decide)" in html(answer)


# Acts


def test_a_get_of_an_acts_address_does_nothing(desk: Desk, client: Client) -> None:
    correction = desk.submitted()
    client.force_login(desk.chidi)
    for verb in VERBS:
        answer = client.get(reverse(f"admin:corrections_correction_{verb}", args=[correction.pk]))
        assert answer.status_code == 405
    assert state(correction) == State.SUBMITTED


def test_an_act_without_the_forms_token_does_nothing(desk: Desk) -> None:
    correction = desk.submitted()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(desk.chidi)
    url = reverse("admin:corrections_correction_approve", args=[correction.pk])
    assert strict.post(url, {"digest": correction.digest}).status_code == 403
    assert state(correction) == State.SUBMITTED


def test_approve_applies_and_goes_on_to_the_next(desk: Desk, post: Post) -> None:
    first, second, third = (desk.submitted() for _ in range(3))
    answer = post(desk.chidi, second, "approve", comment="Receipt seen.")
    assert answer.status_code == 302
    assert answer["Location"] == reverse("admin:corrections_correction_change", args=[third.pk])
    assert state(second) == State.APPLIED
    assert Decision.objects.get().comment == "Receipt seen."
    # After the last one it begins again with what was passed over.
    assert post(desk.chidi, third, "approve")["Location"].endswith(f"/{first.pk}/change/")
    assert post(desk.chidi, first, "approve")["Location"] == reverse("admin:corrections_queue")


@pytest.mark.parametrize(("verb", "after"), [("return", State.RETURNED), ("reject", State.REJECTED)])
def test_return_and_reject_take_a_comment_and_go_on(desk: Desk, post: Post, verb: str, after: str) -> None:
    correction, following = desk.submitted(), desk.submitted()
    missing = post(desk.chidi, correction, verb, comment="  ")
    assert missing.status_code == 400
    assert "(comment_is_required)" in html(missing)
    assert state(correction) == State.SUBMITTED
    answer = post(desk.chidi, correction, verb, comment="The receipt is unreadable.")
    assert answer["Location"].endswith(f"/{following.pk}/change/")
    assert state(correction) == after


def test_a_stale_digest_is_refused_in_the_page_and_what_was_typed_is_kept(desk: Desk, post: Post) -> None:
    correction = desk.submitted()
    stale = correction.digest
    services.return_for_rework(actor=desk.carl, correction=correction, digest=stale, comment="Once more.")
    services.submit(actor=desk.mara, correction=correction)
    for verb in ("approve", "return", "reject"):
        answer = post(desk.chidi, correction, verb, digest=stale, comment="What I typed.")
        assert answer.status_code == 409
        assert "(correction_changed_since_shown)" in html(answer)
        assert "What I typed." in html(answer)
        assert f'value="{correction.digest}"' in html(answer)
        assert "Once more." in html(answer)  # and the page is the present one
    assert state(correction) == State.SUBMITTED
    assert not correction.decisions.filter(revision=2).exists()


def test_a_missing_digest_is_refused(desk: Desk, post: Post) -> None:
    correction = desk.submitted()
    assert post(desk.chidi, correction, "approve", digest="").status_code == 409
    assert state(correction) == State.SUBMITTED


def test_a_stale_value_fails_loudly_in_the_page(desk: Desk, post: Post) -> None:
    payout = desk.payout()
    correction = desk.submitted(payout)
    with recorded_write(source="loan-core"):
        Payout.objects.filter(pk=payout.pk).update(counterparty_bank="CCB")
    answer = post(desk.chidi, correction, "approve")
    assert answer.status_code == 409
    assert "(value_changed_since_request)" in html(answer)
    assert state(correction) == State.FAILED
    payout.refresh_from_db()
    assert payout.counterparty_bank == "CCB"
    assert "rework" in {*post(desk.mara, correction, "hold", comment="x").context["acts"].offered}  # type: ignore[attr-defined]
    assert post(desk.mara, correction, "rework").status_code == 302
    assert state(correction) == State.RETURNED


def test_withdraw_is_the_makers_alone(desk: Desk, post: Post) -> None:
    correction = desk.submitted()
    assert post(desk.max, correction, "withdraw").status_code == 403
    assert post(desk.mara, correction, "withdraw", comment="Double.").status_code == 302
    assert state(correction) == State.WITHDRAWN


def test_hold_and_release_are_compliances_alone(desk: Desk, post: Post) -> None:
    correction = desk.submitted()
    assert post(desk.chidi, correction, "hold", comment="x").status_code == 403
    assert post(desk.ana, correction, "hold", comment="Looked into.").status_code == 302
    refused = post(desk.chidi, correction, "approve")
    assert refused.status_code == 409
    assert "(correction_is_on_hold)" in html(refused)
    assert "Looked into." in html(refused)
    assert post(desk.ana, correction, "release", comment="Fine.").status_code == 302
    assert post(desk.chidi, correction, "approve").status_code == 302


def test_an_executor_applies_or_returns_what_was_approved(
    desk: Desk, post: Post, get: Get, executor_policy: None
) -> None:
    first, second = desk.submitted(), desk.submitted()
    for correction in (first, second):
        desk.approve(correction)
    assert get(desk.eve, first).context["acts"].offered == {"apply", "return"}  # type: ignore[attr-defined]
    assert post(desk.chidi, first, "apply").status_code == 403
    assert post(desk.eve, first, "apply").status_code == 302
    assert state(first) == State.APPLIED
    assert post(desk.eve, second, "return", comment="Not today.").status_code == 302
    assert state(second) == State.RETURNED


def test_revert_drafts_a_correction_and_opens_it(desk: Desk, post: Post) -> None:
    correction = desk.applied()
    assert post(desk.chidi, correction, "revert", reason="operator_error", note="Wrong.").status_code == 403
    missing = post(desk.mara, correction, "revert", reason="operator_error", note="")
    assert missing.status_code == 400
    answer = post(desk.mara, correction, "revert", reason="operator_error", note="It was right before.")
    back = Correction.objects.get(reverts=correction)
    assert answer["Location"].endswith(f"/{back.pk}/change/")
    [told] = get_messages(answer.wsgi_request)
    assert "attach evidence and submit it" in str(told)
    assert "applied" not in str(told)  # the page is of the draft


# Handing over


def test_a_correction_is_handed_to_one_person_who_then_decides_it(desk: Desk, get: Get, post: Post) -> None:
    correction, other = desk.submitted(), desk.submitted()
    assert get(desk.bea, correction).status_code == 404
    answer = post(desk.chidi, correction, "hand_over", to=desk.bea.pk, comment="She knows the channel.")
    assert answer["Location"].endswith(f"/{other.pk}/change/")
    event = AuditEvent.objects.get(kind="handed_over")
    assert (event.detail["to_name"], event.actor_name) == (str(desk.bea.person), str(desk.chidi.person))
    assert get(desk.bea, other).status_code == 404
    assert post(desk.bea, correction, "approve").status_code == 302
    assert state(correction) == State.APPLIED


def test_only_who_can_decide_it_hands_it_over(desk: Desk, post: Post) -> None:
    correction = desk.submitted()
    for user in (desk.mara, desk.max, desk.ana, desk.eve, desk.sam):
        assert post(user, correction, "hand_over", to=desk.bea.pk).status_code == 403, user
    assert not AuditEvent.objects.filter(kind="handed_over").exists()


def test_it_is_not_handed_to_who_cannot_decide_it(desk: Desk, get: Get, post: Post) -> None:
    correction = desk.submitted()
    give_roles(desk.mara, "checker", scope=desk.shanghai)
    gone = account("Gus", "checker", scope=desk.beijing)
    gone.is_active = False
    gone.save()
    chief = account("Sue", "checker", is_superuser=True)
    twin = account("chidi-2", "checker", scope=desk.beijing, person=desk.chidi.person)
    offered = {pk for pk, _name in get(desk.chidi, correction).context["sheet"].receivers}  # type: ignore[attr-defined]
    assert offered == {desk.carl.pk, desk.bea.pk}
    for to in (desk.mara.pk, desk.chidi.pk, twin.pk, desk.eve.pk, desk.max.pk, gone.pk, chief.pk, "", "x", 10**12):
        answer = post(desk.chidi, correction, "hand_over", to=to, comment="Please.")
        assert answer.status_code == 400, to
        assert "(receiver_cannot_decide)" in html(answer)
        assert "Please." in html(answer)


def test_who_was_handed_it_still_needs_the_function_when_deciding(desk: Desk, post: Post) -> None:
    correction = desk.submitted()
    services.hand_over(actor=desk.chidi, correction=correction, to=desk.bea)
    desk.bea.groups.clear()
    assert post(desk.bea, correction, "approve").status_code == 403
    assert state(correction) == State.SUBMITTED
