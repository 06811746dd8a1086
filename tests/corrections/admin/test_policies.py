"""The pages of approval policies: who reads them, what they say, how a change is drafted, and what a try tells."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from backoffice.staff.models import User
from corrections import services
from corrections.engine import gate
from corrections.models import Correction, Policy
from tests.corrections.admin.pages import browser, text_of, url
from tests.corrections.services.desk import Desk, evidence_file, make_desk, put_policy_in_force
from tests.factories.staff import account

pytestmark = pytest.mark.django_db

WHY = {"reason": "process_gap", "note": "The board decided so.", "ticket": ""}
OVERVIEW, VERSION, RETIRE = (f"admin:corrections_policies{name}" for name in ("", "_version", "_retire"))


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture
def pol(desk: Desk) -> User:
    return account("Pol", "policy_admin")


def named(name: str) -> Policy:
    return Policy.objects.get(name=name, is_active=True)


def filled_in(page: Any) -> dict[str, Any]:
    """What a browser would send of the form as it is shown."""
    text = text_of(page)
    form = text[text.index('class="po-form"') :]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name is None or ('type="checkbox"' in tag and " checked" not in tag):
            continue
        found.setdefault(name[1], []).append(value[1] if value else "on")
    for name, body in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body)
        found[name] = [chosen[1] if chosen else ""]
    for name, body in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name] = [body]
    return found


# Reading


def test_all_versions_in_force_stand_there_in_words(desk: Desk, pol: User) -> None:
    page = text_of(browser(pol).get(reverse(OVERVIEW)))
    assert "president v1" in page
    assert "from 1,000,000.00 CNY on" in page
    assert "1 × president, the whole company, token: one of its own" in page
    assert "1 × checker, escalates to senior checker" in page
    assert "every kind of business record" in page
    assert "New policy" in page


def test_who_may_not_set_sign_or_audit_them_does_not_read_them(desk: Desk) -> None:
    everywhere = account("Max-all", "maker", "checker", "senior_checker")
    for person in (desk.mara, desk.chidi, everywhere):
        for name in (OVERVIEW, VERSION, RETIRE):
            assert browser(person).get(reverse(name)).status_code == 403
        assert browser(person).get(url("corrections.policy", "changelist")).status_code == 403
    for person in (desk.ana, account("Pres", "president")):
        client = browser(person)
        page = text_of(client.get(reverse(OVERVIEW)))
        assert "four eyes v1" in page
        assert "Next version" not in page
        assert client.get(reverse(VERSION)).status_code == 403
        assert client.post(reverse(VERSION), {"name": "mine", **WHY}).status_code == 403


def test_the_five_kinds_of_control_have_their_pages(desk: Desk, pol: User) -> None:
    client = browser(pol)
    for kind in ("policy", "policystep", "flagrule", "exchangerate", "calendarday"):
        assert client.get(url(f"corrections.{kind}", "changelist")).status_code == 200
    policy = named("four eyes")
    for page in ("change", "history", "propose"):
        assert client.get(url("corrections.policy", page, policy.pk)).status_code == 200
    assert client.get(url("corrections.calendarday", "propose_create")).status_code == 200
    assert client.get(url("accounts.payout", "changelist")).status_code == 403
    assert client.get(url("corrections.policy", "propose", policy.pk)).status_code == 200
    assert browser(desk.ana).get(url("corrections.policy", "propose", policy.pk)).status_code == 403


def test_a_holiday_is_proposed_like_every_record(desk: Desk, pol: User) -> None:
    data = {"new_day": "2026-12-31", "new_is_working": "False", "new_note": "Inventory", **WHY}
    answer = browser(pol).post(url("corrections.calendarday", "propose_create"), data)
    assert answer.status_code == 302
    change = Correction.objects.get().changes.get()
    assert (change.target_model, change.new["day"]) == ("corrections.calendarday", "2026-12-31")


def test_a_version_out_of_force_is_folded_away_and_has_no_next_one(desk: Desk, pol: User) -> None:
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(name="six eyes").update(is_active=False)
    page = text_of(browser(pol).get(reverse(OVERVIEW)))
    folded = page[page.index('class="po-out"') :]
    assert "six eyes v1" in folded
    assert "Next version" not in folded
    old = Policy.objects.get(name="six eyes")
    assert browser(pol).get(reverse(VERSION), {"of": old.pk}).status_code == 404


def test_gaps_are_said_where_the_eye_is(desk: Desk, pol: User) -> None:
    with gate.opened(actor=desk.sam):
        Policy.objects.filter(name="four eyes").update(is_active=False)
    page = text_of(browser(pol).get(reverse(OVERVIEW)))
    assert "No policy matches: such corrections are refused" in page
    assert "payout, update; below 50,000.00 CNY" in page


# Drafting


def test_the_next_version_begins_with_the_present_one_and_says_what_it_moves(desk: Desk, pol: User) -> None:
    client, old = browser(pol), named("six eyes")
    form = filled_in(client.get(reverse(VERSION), {"of": old.pk}))
    assert (form["name"], form["amount_from"], form["step_2_role"]) == (["six eyes"], ["50000.00"], ["senior_checker"])
    assert form["cumulate"] == ["beneficiary", "target"]
    answer = client.post(reverse(VERSION), {**form, **WHY, "amount_from": "40000.00", "step_1_people": "2"})
    draft = Correction.objects.get()
    assert answer.headers["Location"] == reverse("admin:corrections_correction_change", args=[draft.pk])
    assert [change.action for change in draft.changes.order_by("position")] == ["create", "create", "create", "update"]
    assert draft.changes.get(position=1).new["version"] == 2
    page = text_of(client.get(answer.headers["Location"]))
    start = page.index("six eyes v1 → six eyes v2")
    shown = page[start : page.index("</table>", start)]
    assert "50,000.00 CNY" in shown
    assert "40,000.00 CNY" in shown
    assert "1 × checker" in shown
    assert "2 × checker" in shown
    assert "Evidence" not in shown  # what stays as it is
    assert '<option value="corrections.flagrule"' in page
    assert '<option value="accounts.payout"' not in page  # a record that he doesn't see
    of_business = text_of(
        browser(desk.mara).get(reverse("admin:corrections_correction_change", args=[desk.draft().pk]))
    )
    assert '<option value="accounts.payout"' in of_business
    assert '<option value="corrections.flagrule"' not in of_business


def test_rows_and_sampled_rows_are_set_and_shown(desk: Desk, pol: User) -> None:
    client, old = browser(pol), named("large batches")
    page = text_of(client.get(reverse(OVERVIEW)))
    assert "from 10,000 rows on" in page
    form = filled_in(client.get(reverse(VERSION), {"of": old.pk}))
    assert (form["rows_from"], form["sample_rows"]) == (["10000"], ["0"])
    answer = client.post(reverse(VERSION), {**form, **WHY, "rows_from": "5000", "sample_rows": "101"})
    assert "(policy_number_too_large)" in text_of(answer)
    client.post(reverse(VERSION), {**form, **WHY, "rows_from": "5000", "sample_rows": "12"})
    draft = Correction.objects.get()
    made = draft.changes.get(position=1).new
    assert (made["rows_from"], made["sample_rows"]) == (5000, 12)
    page = text_of(client.get(reverse("admin:corrections_correction_change", args=[draft.pk])))
    start = page.index("large batches v1 → large batches v2")
    shown = page[start : page.index("</table>", start)]
    for text in ("10,000", "5,000", "Sampled rows confirmed one by one", "12"):
        assert text in shown


def test_the_checker_of_a_policy_sees_the_difference_as_well(desk: Desk, pol: User) -> None:
    client, old = browser(pol), named("six eyes")
    form = filled_in(client.get(reverse(VERSION), {"of": old.pk}))
    client.post(reverse(VERSION), {**form, **WHY, "amount_from": "40000.00"})
    draft = Correction.objects.get()
    services.attach_evidence(actor=pol, correction=draft, file=evidence_file(), kind="approval")
    services.submit(actor=pol, correction=draft)
    pia = account("Pia", "policy_admin")
    page = text_of(browser(pia).get(reverse("admin:corrections_correction_change", args=[draft.pk])))
    assert "six eyes v1 → six eyes v2" in page
    assert "40,000.00 CNY" in page


def test_what_is_wrong_is_said_beside_it_and_everything_typed_stays(desk: Desk, pol: User) -> None:
    client = browser(pol)
    form = filled_in(client.get(reverse(VERSION)))
    typed = {**form, **WHY, "name": "tails", "priority": "77", "rekey_fields": "colour", "currencies": ["CNY"]}
    answer = client.post(reverse(VERSION), typed)
    page = text_of(answer)
    assert answer.status_code == 400
    assert 'id="problem_rekey_fields"' in page
    assert "(policy_names_unknown_field)" in page
    again = filled_in(answer)
    assert (again["name"], again["priority"], again["currencies"]) == (["tails"], ["77"], ["CNY"])
    assert again["note"] == [WHY["note"]]
    without_steps = {name: value for name, value in typed.items() if not name.startswith("step_")}
    answer = client.post(reverse(VERSION), {**without_steps, "rekey_fields": ""})
    assert 'id="problem_steps"' in text_of(answer)
    assert not Correction.objects.exists()


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("amount_from", "NaN"),
        ("amount_from", "1e400"),
        ("amount_below", "１２"),
        ("priority", ""),
        ("priority", "-0"),
        ("cumulate_days", "9" * 30),
        ("evidence_min", "0"),
        ("name", ""),
        ("decide_hours", "999999"),
        ("step_1_people", "many"),
        ("step_1_role", "cleaner"),
        ("record_kinds", ["accounts.nothing"]),
    ],
)
def test_odd_input_is_refused_beside_its_field(desk: Desk, pol: User, field: str, typed: Any) -> None:
    client = browser(pol)
    form = filled_in(client.get(reverse(VERSION), {"of": named("four eyes").pk}))
    answer = client.post(reverse(VERSION), {**form, **WHY, field: typed})
    assert answer.status_code == 400, answer.headers
    problem = "steps" if field.startswith("step_") else field
    assert f'id="problem_{problem}"' in text_of(answer)
    assert not Correction.objects.exists()


def test_a_policy_is_put_out_of_force_by_a_correction(desk: Desk, pol: User) -> None:
    client, old = browser(pol), named("many by one maker")
    assert "many by one maker" in text_of(client.get(reverse(RETIRE), {"of": old.pk}))
    assert client.post(reverse(RETIRE), {"of": old.pk, **WHY, "note": ""}).status_code == 400
    assert client.post(reverse(RETIRE), {"of": old.pk, **WHY}).status_code == 302
    change = Correction.objects.get().changes.get()
    assert (change.action, change.new) == ("update", {"is_active": False})
    assert named("many by one maker") == old


# Trying


def tried(pol: User, **asked: Any) -> str:
    page = text_of(browser(pol).get(reverse(OVERVIEW), {"what": "accounts.payout.amount", **asked}))
    said = page.partition('class="po-tried"')[2]
    return said[: said.index("</section>")] if said else page


def test_a_try_says_which_policy_holds_and_why_the_others_do_not(desk: Desk, pol: User) -> None:
    said = tried(pol, amount="80000.00", currency="CNY")
    assert said.index("six eyes v1") < said.index("holds")
    assert "is about amounts from 1,000,000.00 CNY on; here it is 80,000.00 CNY" in said
    assert "is about other records, fields or actions" in said
    assert "1 × senior checker, token: not older than 15 minutes" in said


def test_a_try_counts_rows(desk: Desk, pol: User) -> None:
    few = tried(pol, rows="9999")
    assert "is about corrections of many rows, from 10,000 rows on; here it is 9,999" in few
    assert "1 × senior checker" not in few
    assert "1 × senior checker" in tried(pol, rows="10000")
    assert "here it is 1" in tried(pol)
    put_policy_in_force(desk, [("checker", 1)], sample_rows=7)
    assert "Sampled rows of a batch, confirmed by each approver: 7." in tried(pol)


def test_a_try_knows_rates_earlier_amounts_and_flags(desk: Desk, pol: User) -> None:
    assert "here it is 72,000.00 CNY" in tried(pol, amount="10000.00", currency="USD")
    assert "here it is 1,080,000.00 CNY" not in tried(pol, amount="80000.00", earlier="1000000.00")
    assert "1 × president" in tried(pol, amount="80000.00", earlier="1000000.00")
    flagged = tried(pol, amount="1.00", flags=["prior_period"])
    assert "prior period v1" in flagged
    assert "1 × controller" in flagged


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"amount": "1e400"}, "value_not_plain_decimal"),
        ({"rows": "many"}, "value_not_plain_integer"),
        ({"rows": "-1"}, "value_not_usable"),
        ({"amount": "1.00", "currency": "XTS"}, "exchange_rate_is_missing"),
        ({"what": "accounts.payout.colour"}, "trial_not_usable"),
        ({"what": "accounts.payout.amount", "action": "delete"}, "trial_not_usable"),
        ({"what": "x"}, "trial_not_usable"),
    ],
)
def test_a_try_that_makes_no_sense_is_refused(desk: Desk, pol: User, asked: dict[str, str], code: str) -> None:
    answer = browser(pol).get(reverse(OVERVIEW), {"what": "accounts.payout.amount", **asked})
    assert answer.status_code in (400, 409)
    assert f"({code})" in text_of(answer)
