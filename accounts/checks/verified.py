"""The check that an outside verifier knows card, name, identity number and mobile to belong together.

It is external: asked at submission, never while somebody signs. Its stored verdict is what later steps see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple

from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts.models import BankCard, Customer, Payout
from accounts.numbers import reveal
from accounts.verifiers import Answer, Elements, Outcome, Setup, configured, verify
from corrections.checks import Check, Finding, Subject, failed, passed, say, warned
from corrections.choices import Action

KNOWN_SECONDS, UNKNOWN_SECONDS = 600, 30  # for which an answer is not asked again
WRITTEN = (Action.UPDATE, Action.CREATE)
ELEMENTS: dict[str, str | Promise] = {
    "name": _("name"),
    "identity_number": _("identity number"),
    "card_number": _("card number"),
    "mobile": _("mobile"),
}


class CardIsVerified(Check):
    """Unknown is not a pass: somebody answers for the warning, or it fails, where CARD_VERIFIER_UNKNOWN is "fail"."""

    code = "card_is_verified"
    title = _("the card is verified by the bank")
    is_external = True

    def look(self, subject: Subject) -> Finding:
        setup = configured()
        wanted = {card.ref: card for card in _declared(subject)}
        if setup is None or not wanted:
            return passed(_("nothing to verify"))
        unsure: Finding | None = None
        for card in wanted.values():
            found = _asked(card, setup)
            if found is not None and found.verdict == failed("").verdict:
                return found
            unsure = unsure or found
        return unsure or passed(_("the verifier knows the cards as their customers'"), cards=len(wanted))


def _declared(subject: Subject) -> Iterator[BankCard]:
    """Cards with a number, that are changed or newly paid to."""
    for _change, view in subject.of(BankCard, *WRITTEN):
        if isinstance(view.after, BankCard) and view.after.number and view.fields & {"number", "holder_name"}:
            yield view.after
    for _change, view in subject.of(Payout, *WRITTEN):
        if isinstance(view.after, Payout) and "card" in view.fields and view.after.card and view.after.card.number:
            yield view.after.card


@sensitive_variables()
def _asked(card: BankCard, setup: Setup) -> Finding | None:
    customer: Customer = card.customer
    elements = Elements(
        name=card.holder_name,
        identity_number=reveal(customer, "identity_number"),
        card_number=reveal(card, "number"),
        mobile=reveal(customer, "mobile"),
    )
    if elements.missing:
        return _unknown(card, Answer(Outcome.UNKNOWN, problem="incomplete: " + ", ".join(elements.missing), attempts=0))
    answer = _remembered(elements, setup)
    if answer.outcome is Outcome.MATCH:
        return None
    if answer.outcome is Outcome.UNKNOWN:
        return _unknown(card, answer)
    return _mismatch(card, answer)


@sensitive_variables()
def _remembered(elements: Elements, setup: Setup) -> Answer:
    """The answer of a moment ago, so that a page that is looked at again, or is then submitted, asks nobody twice.

    Kept in Django's cache under a keyed hash, without any element.
    """
    asked = json.dumps([setup.url, *astuple(elements)])
    key = f"card-verifier:{salted_hmac('accounts.verifiers', asked, algorithm='sha256').hexdigest()}"
    answer: Answer | None = cache.get(key)
    if answer is None:
        answer = verify(elements, setup)
        is_known = answer.outcome is not Outcome.UNKNOWN
        cache.set(key, answer, KNOWN_SECONDS if is_known else UNKNOWN_SECONDS)
    return answer


def _mismatch(card: BankCard, answer: Answer) -> Finding:
    facts = {"card": str(card.number), "mismatch": list(answer.mismatch), "reference": answer.reference}
    if not answer.mismatch:
        return failed(say(_("the verifier does not know %(card)s as its customer's"), card=card), **facts)
    named = [ELEMENTS[name] for name in answer.mismatch]
    return failed(
        say(_("the verifier says of %(card)s that these are wrong: %(elements)s"), card=card, elements=_Listed(named)),
        **facts,
    )


def _unknown(card: BankCard, answer: Answer) -> Finding:
    text = say(
        _("%(card)s is not verified: the verifier gave no usable answer (%(problem)s)"),
        card=card,
        problem=answer.problem,
    )
    is_fail = getattr(settings, "CARD_VERIFIER_UNKNOWN", "warn") == "fail"
    verdict = failed if is_fail else warned
    return verdict(text, card=str(card.number), problem=answer.problem, attempts=answer.attempts)


class _Listed:
    """Words with commas between them, in the language of whoever reads the sentence."""

    def __init__(self, words: list[str | Promise]) -> None:
        self.words = words

    def __str__(self) -> str:
        return ", ".join(map(str, self.words))
