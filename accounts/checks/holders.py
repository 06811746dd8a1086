"""The check that a card's holder, or a payout's beneficiary, is the customer; names are compared in name_match.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.choices import CardStatus
from accounts.models import BankCard, Customer, Payout
from accounts.name_match import Likeness, compare
from accounts.names import masked_name
from corrections.checks import Check, Finding, Subject, failed, passed, say, warned
from corrections.choices import Action, Verdict

WRITTEN = (Action.UPDATE, Action.CREATE)


@dataclass(frozen=True)
class Pair:
    """A name to compare with the customer's, and how grave it is when it is another."""

    label: str
    name: str
    customer: Customer
    is_grave: bool = True


class HolderIsTheCustomer(Check):
    """The holder's name equals the customer's.

    A beneficiary of an account elsewhere may be somebody else, and a customer who takes a new name has cards in the old
    one: those are warned of. A name that is only made to look like the customer's fails everywhere.
    """

    code = "holder_is_the_customer"
    title = _("the holder's name is the customer's")

    def look(self, subject: Subject) -> Finding:
        findings = [found for pair in pairs(subject) if (found := _compared(pair)) is not None]
        worst = sorted(findings, key=lambda found: found.verdict != Verdict.FAIL)
        return worst[0] if worst else passed(_("holders' names are the customers'"))


def pairs(subject: Subject) -> Iterator[Pair]:
    for _change, view in subject.of(BankCard, *WRITTEN):
        if isinstance(view.after, BankCard) and view.fields & {"number", "holder_name"}:
            yield Pair(str(view.after), view.after.holder_name, view.after.customer)
    for _change, view in subject.of(Payout, *WRITTEN):
        if isinstance(view.after, Payout):
            yield from _of_payout(view.after, view.fields)
    for _change, view in subject.of(Customer, Action.UPDATE):
        if isinstance(view.after, Customer) and "name" in view.fields:
            for card in BankCard.objects.filter(customer=view.after.pk, status=CardStatus.ACTIVE):
                yield Pair(str(card), card.holder_name, view.after, is_grave=False)


def _of_payout(payout: Payout, fields: frozenset[str]) -> Iterator[Pair]:
    if "card" in fields and payout.card is not None:
        yield Pair(payout.number, payout.card.holder_name, payout.customer or payout.card.customer)
    if "beneficiary_name" in fields and payout.beneficiary_name and payout.customer is not None:
        yield Pair(payout.number, payout.beneficiary_name, payout.customer, is_grave=False)


def _compared(pair: Pair) -> Finding | None:
    match = compare(pair.name, pair.customer.name)
    if match.likeness is Likeness.SAME:
        return None
    text = say(
        TEXTS[match.likeness],
        record=pair.label,
        name=masked_name(pair.name),
        customer=masked_name(pair.customer.name),
        letters=", ".join(match.letters),
    )
    verdict = {
        Likeness.WRITTEN_DIFFERENTLY: warned,
        Likeness.OTHER: failed if pair.is_grave else warned,
    }.get(match.likeness, failed)
    return verdict(text, record=pair.label, likeness=match.likeness.value, letters=list(match.letters))


TEXTS: dict[Likeness, str | Promise] = {
    Likeness.OTHER: _("%(record)s: the name %(name)s is not the customer's, %(customer)s"),
    Likeness.WRITTEN_DIFFERENTLY: _(
        "%(record)s: %(name)s and the customer's name %(customer)s are written differently"
    ),
    Likeness.LOOKS_ALIKE: _("%(record)s: the name only looks like the customer's: %(letters)s"),
    Likeness.HIDDEN: _("%(record)s: the name holds marks that can't be seen: %(letters)s"),
}
