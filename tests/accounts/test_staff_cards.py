"""Cards that staff declare: kept once, never in clear, and put out of use by others than the declarer."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import StaffCard
from accounts.staff import declare_card
from corrections.errors import CorrectionError
from corrections.protection.secrets import blind_index
from corrections.registry import registry
from tests.factories.accounts import UNIONPAY, StaffCardFactory
from tests.factories.staff import PersonFactory

pytestmark = pytest.mark.django_db


def command(monkeypatch: pytest.MonkeyPatch, typed: str, *arguments: str) -> str:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    call_command("declare_staff_card", *arguments, stdout=out)
    return out.getvalue()


def test_a_card_is_declared_once_and_found_as_card_and_as_account() -> None:
    person = PersonFactory()
    card, is_new = declare_card(person=person, number="6200-0000 0000-0005")
    assert is_new
    assert card.number_index == blind_index("card", UNIONPAY)
    assert card.account_index == blind_index("account", UNIONPAY)
    assert declare_card(person=person, number=UNIONPAY) == (card, False)
    assert StaffCard.objects.count() == 1
    assert UNIONPAY not in str(vars(StaffCard.history.get()))
    assert StaffCard.history.get().history_source == "staff-declaration"


def test_a_card_put_out_of_use_can_be_declared_again() -> None:
    card = StaffCardFactory(is_active=False)
    assert declare_card(person=card.person, number=UNIONPAY) == (card, True)
    card.refresh_from_db()
    assert card.is_active


@pytest.mark.parametrize("number", ["", "123", "6200 0000 0000 0005 0000 00", "６２００"])
def test_what_is_no_card_number_is_refused_without_repeating_it(number: str) -> None:
    with pytest.raises(CorrectionError) as refusal:
        declare_card(person=PersonFactory(), number=number)
    assert refusal.value.code == "card_number_invalid"
    assert not number or number not in str(refusal.value)


def test_the_command_reads_the_number_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    person = PersonFactory(employee_no="E1001")
    said = command(monkeypatch, f"{UNIONPAY}\n", "--person", "E1001", "--relative")
    assert "declared" in said
    assert UNIONPAY not in said
    [card] = StaffCard.objects.all()
    assert (card.person, card.relation) == (person, "relative")
    assert "already" in command(monkeypatch, UNIONPAY, "--person", "E1001")


@pytest.mark.parametrize(("employee", "typed"), [("E1001", "42"), ("E9", UNIONPAY)])
def test_the_command_refuses_what_it_can_t_use(monkeypatch: pytest.MonkeyPatch, employee: str, typed: str) -> None:
    PersonFactory(employee_no="E1001")
    with pytest.raises(CommandError):
        command(monkeypatch, typed, "--person", employee)


def test_the_declarer_neither_corrects_nor_signs_it() -> None:
    card: Any = StaffCardFactory()
    entry = registry.get(StaffCard)
    assert entry is not None
    assert entry.config.bars_handlers
    assert list(entry.config.handlers(card)) == [card.person_id]
    assert set(entry.fields) == {"is_active"}
