"""Registrations: fields exist, rights follow the branch, labels show no secret, money at stake is not understated."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps

from accounts.models import (
    AccountHolder,
    BankCard,
    Branch,
    Customer,
    JournalEntry,
    LedgerAccount,
    Loan,
    LoanApplication,
    Payout,
    Posting,
    Repayment,
    StaffCard,
)
from corrections.money import Money
from corrections.registry import CUSTOMER, ChangeView, Entry, registry
from tests.factories.accounts import (
    VISA,
    AccountHolderFactory,
    BankCardFactory,
    BranchFactory,
    CustomerFactory,
    InternalAccountFactory,
    LedgerAccountFactory,
    LoanApplicationFactory,
    LoanFactory,
    PayoutFactory,
    RepaymentFactory,
    booked,
)
from tests.factories.staff import PersonFactory

FACTORIES: dict[Any, Any] = {
    AccountHolder: AccountHolderFactory,
    BankCard: BankCardFactory,
    Customer: CustomerFactory,
    LedgerAccount: LedgerAccountFactory,
    Loan: LoanFactory,
    LoanApplication: LoanApplicationFactory,
    Payout: PayoutFactory,
    Repayment: RepaymentFactory,
}
CORRECTABLE = [*FACTORIES, JournalEntry, Posting, StaffCard]
SECRETS = (VISA, "990101199003078515", "12000000001", "6217000000000009001", "6222000000000000001")


def entry_of(model: Any) -> Entry:
    entry = registry.get(model)
    assert entry is not None
    return entry


def change(before: Any, after: Any, *fields: str) -> ChangeView:
    return ChangeView(action="update", fields=frozenset(fields), before=before, after=after)


def test_every_business_table_is_correctable_but_the_branch() -> None:
    tables = {model for model in apps.get_app_config("accounts").get_models() if not hasattr(model, "instance_type")}
    rest = {model.__name__ for model in tables if registry.get(model) is None}
    assert rest == {"Branch", "BranchUserObjectPermission", "BranchGroupObjectPermission"}


@pytest.mark.parametrize("model", CORRECTABLE)
def test_lists_name_existing_columns(model: Any) -> None:
    entry = entry_of(model)
    for name in (*entry.config.list_display, *entry.config.list_filter, *entry.config.search_fields):
        if not entry.is_secret(name):
            assert model._default_manager.none().values(name) is not None


@pytest.mark.parametrize("model", CORRECTABLE)
def test_dependants_are_real_relations(model: Any) -> None:
    for name in entry_of(model).config.depends or ():
        assert hasattr(model, name)


@pytest.mark.parametrize("model", CORRECTABLE)
def test_every_column_has_history(model: Any) -> None:
    kept = {field.attname for field in model.history.model._meta.concrete_fields}
    assert {field.attname for field in model._meta.concrete_fields} <= kept


def test_what_the_customer_declared_is_the_customers() -> None:
    declared = {
        (model.__name__, name)
        for model in CORRECTABLE
        for name, field in entry_of(model).fields.items()
        if field.owner == CUSTOMER
    }
    assert declared == {
        ("AccountHolder", "customer"),
        ("AccountHolder", "role"),
        ("BankCard", "holder_name"),
        ("BankCard", "number"),
        ("Customer", "identity_number"),
        ("Customer", "mobile"),
        ("Customer", "name"),
        ("LedgerAccount", "account_number"),
        ("LoanApplication", "requested_amount"),
        ("Payout", "beneficiary_name"),
        ("Payout", "card"),
        ("Payout", "counterparty_account"),
    }


def test_every_secret_is_the_customers_word_or_not_to_be_corrected() -> None:
    for model in CORRECTABLE:
        entry = entry_of(model)
        for name in entry.secrets:
            assert model is StaffCard or entry.fields[name].owner == CUSTOMER
    assert not set(entry_of(StaffCard).secrets) & set(entry_of(StaffCard).fields)


def test_the_journal_only_grows() -> None:
    for model in (JournalEntry, Posting):
        assert entry_of(model).actions == {"create"}
        assert entry_of(model).append_only


@pytest.mark.django_db
@pytest.mark.parametrize("model", FACTORIES)
def test_scope_is_the_branch_of_saved_and_unsaved_rows(model: Any) -> None:
    row = FACTORIES[model]()
    scope = entry_of(model).config.scope
    assert scope(row) == Branch.objects.get(name="Shanghai")
    unsaved = model(**{field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields})
    unsaved.pk = None
    assert scope(unsaved) == scope(row)
    path = entry_of(model).config.scope_path
    assert model.objects.filter(**{path: scope(row)}).get() == row


@pytest.mark.django_db
def test_scope_follows_the_row_to_another_branch() -> None:
    payout = PayoutFactory()
    payout.branch = BranchFactory(name="Beijing")
    assert str(entry_of(Payout).config.scope(payout)) == "Beijing"


@pytest.mark.django_db
def test_scope_of_a_posting_is_its_accounts_branch() -> None:
    beijing = InternalAccountFactory(branch=BranchFactory(name="Beijing"))
    entry = booked(debit=beijing, credit=LedgerAccountFactory())
    posting = entry.postings.get(side="credit")
    assert str(entry_of(Posting).config.scope(posting)) == "Shanghai"
    assert str(entry_of(JournalEntry).config.scope(entry)) == "Beijing"


@pytest.mark.django_db
@pytest.mark.parametrize("model", FACTORIES)
def test_labels_hold_no_secret_and_no_whole_name(model: Any) -> None:
    row = FACTORIES[model](**({"account_number": "6222000000000000001"} if model is LedgerAccount else {}))
    for text in (str(row), repr(row), entry_of(model).config.label(row)):
        assert text
        assert not any(secret in text for secret in SECRETS)
        assert "Xiaoming" not in text
    record = model.history.first()
    assert not any(secret in f"{vars(record)}" for secret in SECRETS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "field"),
    [(Payout, "amount"), (Loan, "principal"), (Repayment, "amount"), (LoanApplication, "requested_amount")],
)
def test_amount_at_stake_is_the_larger_of_before_and_after(model: Any, field: str) -> None:
    before, after = (
        FACTORIES[model](**{field: "500.00"}),
        FACTORIES[model].build(**{field: Decimal(7)}, **_parents(model)),
    )
    before.refresh_from_db()
    stake = entry_of(model).config.amount_at_stake
    assert stake(change(before, after, field)) == stake(change(after, before, field)) == Money("CNY", Decimal("500.00"))
    assert stake(ChangeView("create", frozenset(), None, after)) == Money("CNY", Decimal(7))
    assert stake(ChangeView("delete", frozenset(), before, None)) == Money("CNY", Decimal("500.00"))


def _parents(model: Any) -> dict[str, Any]:
    parents = {Payout: ("source_account", LedgerAccountFactory), Loan: ("application", LoanApplicationFactory)}
    parents |= {Repayment: ("loan", LoanFactory), LoanApplication: ("customer", CustomerFactory)}
    name, factory = parents[model]
    return {name: factory()}


@pytest.mark.django_db
def test_changing_only_the_bank_of_a_payout_stakes_its_amount() -> None:
    payout = PayoutFactory()
    payout.refresh_from_db()
    stake = entry_of(Payout).config.amount_at_stake(change(payout, payout, "counterparty_bank"))
    assert stake == Money("CNY", Decimal("80000.00"))


@pytest.mark.django_db
def test_an_entry_stakes_its_debits_once() -> None:
    entry = booked(debit=InternalAccountFactory(), credit=LedgerAccountFactory(), amount="12.30")
    stakes = [
        entry_of(Posting).config.amount_at_stake(ChangeView("create", frozenset(), None, posting))
        for posting in entry.postings.order_by("side")
    ]
    assert stakes == [None, Money("CNY", Decimal("12.30"))]


def test_a_card_alone_stakes_nothing() -> None:
    assert entry_of(BankCard).config.amount_at_stake(change(BankCard(), BankCard(), "status")) is None


@pytest.mark.django_db
def test_a_cards_new_number_stakes_what_still_goes_to_it(django_assert_num_queries: Any) -> None:
    card = BankCardFactory()
    account = LedgerAccountFactory(customer=card.customer)
    for amount, status in (("10.00", "created"), ("20.00", "to_be_sent"), ("40.00", "refused"), ("80.00", "sent")):
        code = "E14" if status == "refused" else ""
        PayoutFactory(card=card, source_account=account, amount=amount, status=status, failure_code=code)
    for status in ("paid", "cancelled"):
        PayoutFactory(card=card, source_account=account, amount="1000.00", status=status, failure_code="")
    PayoutFactory(source_account=account, amount="1000.00")
    stake = entry_of(BankCard).config.amount_at_stake
    with django_assert_num_queries(1):
        assert stake(change(card, card, "number")) == Money("CNY", Decimal("150.00"))
    with django_assert_num_queries(0):
        assert stake(change(card, card, "holder_name")) is None
    assert stake(change(BankCardFactory(), card, "number")) is None
    PayoutFactory(card=card, source_account=account, amount="5.00", currency="USD", status="created", failure_code="")
    both = stake(change(card, card, "number"))
    assert sorted(both) == [Money("CNY", Decimal("150.00")), Money("USD", Decimal("5.00"))]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"instalment": "6861.00"}, "12.00"),
        ({"instalment": "6859.00"}, "12.00"),
        ({"term_months": 13}, "6860.00"),
        ({"term_months": 11}, "6860.00"),
        ({"term_months": 24, "instalment": "3430.00"}, "41160.00"),  # the same in all, and half of it later
        ({"term_months": 6, "instalment": "13720.00"}, "41160.00"),
        ({"principal": "80001.00"}, "80001.00"),
        ({"principal": "1.00"}, "80000.00"),
        ({"principal": "1.00", "instalment": "1.00"}, "80000.00"),
        ({"status": "voided"}, "80000.00"),
    ],
)
def test_terms_of_a_loan_stake_their_money_effect_and_the_rest_its_principal(after: Any, expected: str) -> None:
    terms = {"principal": Decimal("80000.00"), "term_months": 12, "instalment": Decimal("6860.00"), "currency": "CNY"}
    new = {
        name: Decimal(value) if isinstance(value, str) and name != "status" else value for name, value in after.items()
    }
    stake = entry_of(Loan).config.amount_at_stake(change(Loan(**terms), Loan(**{**terms, **new}), *after))
    assert stake == Money("CNY", Decimal(expected))


def test_impact_says_what_harm_a_change_can_do() -> None:
    impacts = {model.__name__: str(entry_of(model).impact) for model in CORRECTABLE}
    assert impacts == {
        "AccountHolder": "master",
        "BankCard": "master",
        "Customer": "master",
        "LedgerAccount": "master",
        "Loan": "credit",
        "LoanApplication": "credit",
        "Payout": "money",
        "Repayment": "credit",
        "JournalEntry": "ledger",
        "Posting": "ledger",
        "StaffCard": "master",
    }


@pytest.mark.parametrize(
    ("kind", "of_account", "of_posting"),
    [("customer", "master", "ledger"), ("internal", "ledger", "ledger"), ("equity", "equity", "equity")],
)
def test_equity_is_an_impact_of_its_own(kind: str, of_account: str, of_posting: str) -> None:
    account = LedgerAccount(pk=1, kind=kind)
    assert entry_of(LedgerAccount).config.impact_of(change(account, account, "name")) == of_account
    view = ChangeView("create", frozenset(), None, Posting(account=account))
    assert entry_of(Posting).config.impact_of(view) == of_posting


def gains(row: Any) -> str:
    return entry_of(row).config.beneficiary(change(row, row))


@pytest.mark.django_db
def test_whoever_gains_is_the_customer() -> None:
    customer = CustomerFactory()
    account = LedgerAccountFactory(customer=customer)
    loan = LoanFactory(application=LoanApplicationFactory(customer=customer), account=account)
    card = BankCardFactory(customer=customer)
    rows = [customer, account, loan, loan.application, card, RepaymentFactory(loan=loan)]
    rows += [AccountHolderFactory(account=account), Posting(account=account)]
    rows += [PayoutFactory(source_account=account), PayoutFactory(source_account=InternalAccountFactory(), card=card)]
    assert {gains(row) for row in rows} == {f"accounts.customer:{customer.pk}"}


@pytest.mark.django_db
def test_a_payout_to_another_gains_the_account_it_goes_to() -> None:
    first, second = (PayoutFactory(beneficiary_name="Li Na") for _ in range(2))
    assert first.customer != second.customer
    assert gains(first) == gains(second) == f"account:{first.counterparty_account_index}"
    assert len(gains(first)) <= 120
    ours = InternalAccountFactory()
    assert gains(Posting(account=ours)) == gains(ours) == f"accounts.ledgeraccount:{ours.pk}"


@pytest.mark.django_db
def test_whoever_booked_reconciled_or_answers_for_a_ledger_record_is_barred() -> None:
    booker, reconciler, owner = (PersonFactory() for _ in range(3))
    account = InternalAccountFactory(owner_person=owner)
    entry = booked(
        debit=account, credit=LedgerAccountFactory(), booked_by_person=booker, reconciled_by_person=reconciler
    )
    handlers = {model: entry_of(model).config.handlers for model in (JournalEntry, Posting, LedgerAccount)}
    assert set(handlers[JournalEntry](entry)) == {booker.pk, reconciler.pk}
    assert set(handlers[JournalEntry](JournalEntry(reverses=entry))) == {booker.pk, reconciler.pk}
    assert set(handlers[Posting](entry.postings.get(side="debit"))) == {booker.pk, reconciler.pk, owner.pk}
    assert set(handlers[Posting](entry.postings.get(side="credit"))) == {booker.pk, reconciler.pk}
    assert set(handlers[LedgerAccount](account)) == {owner.pk}
    imported = booked(debit=InternalAccountFactory(), credit=LedgerAccountFactory())
    assert [list(handlers[JournalEntry](imported)), list(handlers[Posting](Posting()))] == [[], []]
    barring = {model.__name__ for model in CORRECTABLE if entry_of(model).config.bars_handlers}
    assert barring == {"JournalEntry", "Posting", "LedgerAccount", "StaffCard"}


@pytest.mark.parametrize("model", CORRECTABLE)
def test_what_is_read_with_a_row_exists(model: Any) -> None:
    names = entry_of(model).config.reads
    assert names
    assert str(model._default_manager.select_related(*names).query)


@pytest.mark.django_db
def test_secrets_are_kept_under_the_customers_key() -> None:
    customer = CustomerFactory()
    account = LedgerAccountFactory(customer=customer)
    loan = LoanFactory(application=LoanApplicationFactory(customer=customer))
    internal, card = InternalAccountFactory(), BankCardFactory(customer=customer)
    assert card.secret_owner == customer.ref
    assert PayoutFactory(source_account=account).secret_owner == customer.ref
    assert PayoutFactory(source_account=internal, loan=loan).secret_owner == customer.ref
    assert PayoutFactory(source_account=internal, card=card).secret_owner == customer.ref
    nobody = PayoutFactory(source_account=internal)
    assert nobody.secret_owner == nobody.ref
    assert internal.secret_owner == internal.ref
