"""I-13: canary numbers are pushed through every verb and every refusal; afterwards they stand nowhere in clear.

Searched are the whole database (every byte of SQLite, every column of PostgreSQL), the evidence folder, everything
that was logged, and the text and details of every refusal.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import connection

from accounts.models import BankCard, Customer
from corrections import services
from corrections.errors import CorrectionError
from corrections.gate import recorded_write
from corrections.models import AuditEvent
from tests.corrections.services.desk import Desk, evidence_file, make_desk, put_policy_in_force

# One number of each kind as it was, and one as it becomes; made up, with right check digits.
WAS = {"card": "6222020000001187", "identity": "11010519491231002X", "mobile": "13900001187", "account": "CZ6508000711"}
NEW = {"card": "6222028765432109", "identity": "440524188001010014", "mobile": "13700009921", "account": "DE8937040991"}
CANARIES = [*WAS.values(), *NEW.values()]

pytestmark = pytest.mark.django_db(transaction=True)


class Witness:
    """Keeps what every refusal says, and its traceback as a log would have it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def refused(self, call: Callable[..., Any], **arguments: Any) -> str:
        with pytest.raises(CorrectionError) as caught:
            call(**arguments)
        error = caught.value
        self.said += [str(error), repr(error), repr(error.details), repr(error.args)]
        self.said += traceback.format_exception_only(error)
        self.said += [repr(cause) for cause in (error.__cause__,) if cause is not None]
        return error.code


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    desk = make_desk()
    put_policy_in_force(desk, [("checker", 1)], staff_may_type_customer_fields=True)
    return desk


@pytest.fixture
def customer(desk: Desk) -> Customer:
    with recorded_write(source="loan-core"):
        return Customer.objects.create(
            customer_number="C-1",
            name="Zhang Ming",
            branch=desk.shanghai,
            identity_number=WAS["identity"],
            mobile=WAS["mobile"],
        )


def finish(desk: Desk, correction: Any) -> None:
    """Evidence that shows the numbers, consent, submission, preview, approval."""
    item = desk.attach(correction, kind="customer_consent", text=f"I changed my card from {WAS} to {NEW}. {correction}")
    services.open_original(actor=desk.mara, evidence=item)
    services.open_preview(actor=desk.mara, evidence=item)
    services.submit(actor=desk.mara, correction=correction)
    desk.approve(correction)


def every_place(caplog: pytest.LogCaptureFixture, witness: Witness) -> Iterator[tuple[str, bytes]]:
    yield from whole_database()
    for path in Path(storages["evidence"].location).rglob("*"):  # type: ignore[attr-defined]
        yield str(path.name), path.name.encode()
        if path.is_file():
            yield str(path), path.read_bytes()
    yield "logs", caplog.text.encode()
    for said in witness.said:
        yield f"refusal: {said}", said.encode()


def whole_database() -> Iterator[tuple[str, bytes]]:
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        yield "database", connection.connection.serialize()
        for path in (Path(f"{connection.settings_dict['NAME']}{suffix}") for suffix in ("", "-wal")):
            if path.is_file():
                yield path.name, path.read_bytes()
        return
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield table, "\n".join(text for (text,) in cursor.fetchall()).encode()


def found_in_clear(content: bytes) -> list[str]:
    """Canaries in a content, in groups or not, in UTF-8 or UTF-16."""
    flat = re.sub(rb"[ \x00-]", b"", content)
    return [number for number in CANARIES if number.encode() in content or number.encode() in flat]


def test_the_search_finds_a_number_that_stands_in_clear(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Or it would prove nothing."""
    with recorded_write(source="loan-core"):
        desk.payout(channel_reference="6222-0200-0000-1187")
    logging.getLogger("tests").warning("card %s", NEW["card"])
    places = {where for where, content in every_place(caplog, Witness()) if found_in_clear(content)}
    assert "logs" in places
    assert places & {"database", "accounts_payout"}


def test_no_number_stands_anywhere_in_clear(desk: Desk, customer: Customer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    witness = Witness()
    with recorded_write(source="loan-core"):
        card = BankCard.objects.create(
            customer=customer, number=WAS["card"], holder_name="Zhang Ming", bank_code="ICBC", scheme="unionpay"
        )
    payout = desk.payout(counterparty_account=WAS["account"])
    wish: dict[str, Any] = {"actor": desk.mara, "reason": "customer_error", "note": "The customer came."}

    go_the_whole_way(desk, customer, card, payout, wish)
    push_into_every_text(desk, witness, wish)
    push_into_every_refusal(desk, witness, card, wish)

    assert AuditEvent.objects.count() > 20
    for where, content in every_place(caplog, witness):
        assert found_in_clear(content) == [], where


def go_the_whole_way(desk: Desk, customer: Any, card: Any, payout: Any, wish: dict[str, Any]) -> None:
    """All four kinds: drafted, signed, applied, reverted."""
    correction = services.draft(
        target=customer, values={"identity_number": NEW["identity"], "mobile": NEW["mobile"]}, **wish
    )
    services.add_change(actor=desk.mara, correction=correction, target=card, values={"number": NEW["card"]})
    services.add_change(
        actor=desk.mara, correction=correction, target=payout, values={"counterparty_account": NEW["account"]}
    )
    finish(desk, correction)
    customer.refresh_from_db()
    assert customer.mobile.reveal() == NEW["mobile"]
    back = desk.reverted(correction)
    services.return_for_rework(actor=desk.chidi, correction=back, digest=back.digest, comment="Look again.")
    services.submit(actor=desk.mara, correction=back)
    desk.approve(back)
    for row in (customer, card, payout):
        row.refresh_from_db()
    assert card.number.reveal() == WAS["card"]


def push_into_every_text(desk: Desk, witness: Witness, wish: dict[str, Any]) -> None:
    """A note, comment or title that holds a card or identity number is refused; a file name is masked."""
    waiting, draft = desk.submitted(), desk.draft()
    values = {"channel": "B"}
    for number in (WAS["card"], NEW["card"], WAS["identity"], f"{NEW['card'][:4]} {NEW['card'][4:]}"):
        text = f"see {number}"
        signed = {"correction": waiting, "digest": waiting.digest, "comment": text}
        for call in (
            lambda text=text: services.draft(target=desk.payout(), values=values, **{**wish, "note": text}),
            lambda text=text: services.draft(target=desk.payout(), values=values, ticket=text, **wish),
            lambda text=text: services.amend(actor=desk.mara, correction=draft, note=text),
            lambda text=text: services.open_incident(actor=desk.mara, title=text),
            lambda text=text: services.open_incident(actor=desk.mara, title="t", cause=text),
            lambda text=text: services.open_incident(actor=desk.mara, title="t", defect_number=text),
            lambda signed=signed: services.approve(actor=desk.chidi, **signed),
            lambda signed=signed: services.reject(actor=desk.chidi, **signed),
            lambda signed=signed: services.return_for_rework(actor=desk.chidi, **signed),
            lambda text=text: services.hold(actor=desk.ana, correction=waiting, comment=text),
            lambda text=text: services.withdraw(actor=desk.mara, correction=waiting, comment=text),
            lambda text=text: services.hand_over(actor=desk.chidi, correction=waiting, to=desk.carl, comment=text),
            lambda text=text: services.revert(actor=desk.mara, correction=waiting, reason="process_gap", note=text),
            lambda text=text: desk.attach(draft, note=text),
        ):
            assert witness.refused(call) == "text_shows_a_protected_number"
        item = desk.attach(draft, file_name=f"card {number}.txt")
        services.remove_evidence(actor=desk.mara, evidence=item)


def push_into_every_refusal(desk: Desk, witness: Witness, card: Any, wish: dict[str, Any]) -> None:
    """Typed wrongly, into the wrong field, where it can't be, or onto a row that moved."""
    payout = desk.payout()
    for number in CANARIES:
        for name, value in (
            ("amount", f"{number}x"),
            ("status", number),
            ("branch", number),
            ("card", number),
            ("counterparty_account", [number]),
            ("counterparty_account", f"{number}\u202e"),
            ("counterparty_account", number * 10),
            (number, "x"),
        ):
            witness.refused(services.draft, target=payout, values={name: value}, **wish)
        witness.refused(services.draft, target=card, values={"number": f"{number}/x"}, **wish)
        witness.refused(services.draft, target=payout, values={"channel": "B"}, **{**wish, "reason": number})
        witness.refused(services.draft, target=payout, action=number, values={}, **wish)
        witness.refused(services.draft, model=number, action="create", values={}, **wish)
        correction = desk.draft()
        witness.refused(
            services.attach_evidence, actor=desk.mara, correction=correction, file=evidence_file(), kind=number
        )
        witness.refused(services.approve, actor=desk.chidi, correction=correction, digest=number)
    seen = BankCard.objects.get(pk=card.pk)
    stale = services.draft(target=seen, values={"number": NEW["card"]}, **wish)
    with recorded_write(source="loan-core"):
        card.number = "5555555555554444"
        card.save()
    desk.attach(stale, kind="customer_consent")
    assert witness.refused(services.submit, actor=desk.mara, correction=stale) == "value_changed_since_request"
    witness.refused(services.draft, target=seen, values={"number": NEW["card"]}, **wish)
