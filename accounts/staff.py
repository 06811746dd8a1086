"""What members of staff declare of themselves and their relatives; written as one of the company's own systems."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.choices import StaffRelation
from accounts.models import StaffCard
from corrections.gate import recorded_write
from corrections.protection.secrets import blind_index, normalise

SOURCE = "staff-declaration"


@sensitive_variables()
def declare_card(
    *,
    person: Any,
    number: str,
    relation: str = StaffRelation.OWN,
    identity_number: str = "",
    mobile: str = "",
    declared_on: dt.date | None = None,
    actor: Any = None,
) -> tuple[StaffCard, bool]:
    """Keeps a declared card; gives it, and whether it is new. Raises InvalidInput, never repeating the number.

    Declared again, a card that was put out of use is in use again.
    """
    digits = normalise("card", number)
    known = StaffCard.objects.filter(person=person, number_index=blind_index("card", digits)).first()
    if known is not None and known.is_active:
        return known, False
    with recorded_write(source=SOURCE, actor=actor):
        if known is not None:
            known.is_active = True
            known.save(update_fields=["is_active"])
            return known, True
        secrets = {"number": digits, "identity_number": identity_number, "mobile": mobile}
        card = StaffCard(person=person, relation=relation, account_index=blind_index("account", digits))
        card.declared_on = declared_on or timezone.localdate()
        for name, plain in secrets.items():
            setattr(card, name, plain)
        card.save(force_insert=True)
    return card, True
