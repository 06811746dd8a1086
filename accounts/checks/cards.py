"""Checks of bank cards: the number is real, scheme and bank agree with it, and it is nobody else's.

A number is decrypted only where it changes, or what is told of it; no verdict repeats it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import cards
from accounts.choices import CardScheme
from accounts.models import BankCard, Payout, StaffCard
from accounts.numbers import index_of, reveal
from corrections.checks import Check, Finding, Subject, failed, passed, say, warned
from corrections.choices import Action
from corrections.protection.secrets import blind_index
from corrections.registry import ChangeView

WRITTEN = (Action.UPDATE, Action.CREATE)


def _cards(subject: Subject, *fields: str) -> Iterator[BankCard]:
    """Cards with a number, of which one of these fields changes."""
    for _change, view in subject.of(BankCard, *WRITTEN):
        card = view.after
        if isinstance(card, BankCard) and card.number and view.fields & set(fields):
            yield card


class CardNumberIsReal(Check):
    """Length and check digit (Luhn, ISO/IEC 7812-1)."""

    code = "card_number_is_real"
    title = _("the card number is a real one")

    @sensitive_variables()
    def look(self, subject: Subject) -> Finding:
        for card in _cards(subject, "number"):
            number = reveal(card, "number")
            if not cards.is_of_a_length(number):
                text = _("%(card)s has %(digits)s digits: no card of its scheme has as many")
                return failed(say(text, card=card, digits=len(number)), card=str(card.number), digits=len(number))
            if not cards.has_check_digit(number):
                text = _("%(card)s has a wrong check digit: a digit is mistyped")
                return failed(say(text, card=card), card=str(card.number))
        return passed(_("card numbers have their length and check digit"))


class CardIssuerIsKnown(Check):
    code = "card_issuer_is_known"
    title = _("the card's issuer is known")

    @sensitive_variables()
    def look(self, subject: Subject) -> Finding:
        for card in _cards(subject, "number"):
            if not cards.range_of(reveal(card, "number")).bank:
                text = say(_("the issuer of %(card)s is not known: its first digits are not in the list"), card=card)
                return warned(text, card=str(card.number))
        return passed(_("issuers are known"))


class CardSchemeFitsItsNumber(Check):
    """The number's range belongs to the scheme that is said."""

    code = "card_scheme_fits_its_number"
    title = _("scheme and card number agree")

    @sensitive_variables()
    def look(self, subject: Subject) -> Finding:
        for card in _cards(subject, "number", "scheme"):
            real = cards.range_of(reveal(card, "number")).scheme
            if cards.names_scheme(card.scheme) and card.scheme != real:
                said = CardScheme(card.scheme).label
                text = say(_("the number of %(card)s is not one of %(scheme)s"), card=card, scheme=said)
                return failed(text, card=str(card.number), said=str(card.scheme), by_number=real)
        return passed(_("schemes agree with the numbers"))


class CardBankFitsItsNumber(Check):
    """The bank that is said is the one that the list names for the number, as far as the list knows both."""

    code = "card_bank_fits_its_number"
    title = _("bank and card number agree")

    @sensitive_variables()
    def look(self, subject: Subject) -> Finding:
        for card in _cards(subject, "number", "bank_code"):
            real = cards.range_of(reveal(card, "number")).bank
            if real and card.bank_code != real:
                text = say(_("the number of %(card)s was issued by %(bank)s"), card=card, bank=real)
                return warned(text, card=str(card.number), said=card.bank_code, by_number=real)
        return passed(_("banks agree with the numbers"))


@dataclass(frozen=True)
class Destination:
    """Where a change would send money: a number by its index, and the customer whose number it should be."""

    label: str
    index: str
    customer_id: int | None


class CardIsNotAnothers(Check):
    """No other customer has a card of that number, nor is given one here: of two, neither is.

    One query, and only where a number or card changes.
    """

    code = "card_is_not_anothers"
    title = _("the card is no other customer's")

    def together(self, view: ChangeView) -> Hashable:
        card = view.after
        is_new = isinstance(card, BankCard) and bool(card.number) and "number" in view.fields
        return index_of(card, "number") if is_new and card is not None else None

    def look(self, subject: Subject) -> Finding:
        wanted = [place for place in destinations(subject) if place.customer_id is not None]
        holders = _holders(wanted)
        for card in _cards(subject, "number"):
            holders[index_of(card, "number")].add(card.customer_id)
        for place in wanted:
            others = holders.get(place.index, set()) - {place.customer_id}
            if others:
                # Not whose: whoever types numbers would learn it.
                text = say(_("the number of %(record)s is a card of another customer"), record=place.label)
                return failed(text, record=place.label, other_customers=len(others))
        return passed(_("no other customer has such a card"))


def _holders(wanted: list[Destination]) -> dict[str, set[int | None]]:
    """Customers by the number that is a card of theirs."""
    found: dict[str, set[int | None]] = defaultdict(set)
    if not wanted:
        return found
    held = BankCard.objects.filter(number_index__among=frozenset(place.index for place in wanted))
    for index, customer in held.values_list("number_index", "customer_id").distinct().order_by():
        found[index].add(customer)
    return found


class CardIsNotAStaffMembers(Check):
    """No money goes to a card that a member of staff declared, as a card or typed as an account."""

    code = "card_is_not_a_staff_members"
    title = _("the card is no staff member's")

    def look(self, subject: Subject) -> Finding:
        wanted = list(destinations(subject))
        if wanted:
            indexes = frozenset(place.index for place in wanted)
            cards_of_staff = StaffCard.objects.filter(number_index__among=indexes, is_active=True)
            declared = set(cards_of_staff.values_list("number_index", flat=True))
            hit = [place.label for place in wanted if place.index in declared]
            if hit:
                text = say(
                    _("a member of staff declared this card as his or her own: %(records)s"), records=", ".join(hit)
                )
                return failed(text, records=hit)
        return passed(_("no member of staff declared such a card"))


def destinations(subject: Subject) -> Iterator[Destination]:
    """Every number to which these changes newly send money, indexed as a card, however it was typed."""
    for card in _cards(subject, "number"):
        yield Destination(str(card), index_of(card, "number"), card.customer_id)
    for _change, view in subject.of(Payout, *WRITTEN):
        if isinstance(view.after, Payout):
            yield from _of_payout(view.after, view.fields)


def _of_payout(payout: Payout, fields: frozenset[str]) -> Iterator[Destination]:
    if not fields & {"card", "counterparty_account"}:
        return
    customer = payout.customer
    owner = None if customer is None else customer.pk
    if "card" in fields and payout.card is not None and payout.card.number:
        yield Destination(payout.number, index_of(payout.card, "number"), owner)
    if "counterparty_account" in fields and payout.counterparty_account:
        index = _card_index(reveal(payout, "counterparty_account"))
        if index:
            yield Destination(payout.number, index, owner)


@sensitive_variables()
def _card_index(account: str) -> str:
    """The index that this number would have as a card; "" for one that no card has."""
    digits = re.sub(r"[ /-]", "", account)
    is_card = digits.isdigit() and cards.DIGITS_MIN <= len(digits) <= cards.DIGITS_MAX
    return blind_index("card", digits) if is_card else ""
