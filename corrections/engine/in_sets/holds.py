"""I-03 for a whole batch: one hold per record and field, taken and released by sets."""

from __future__ import annotations

from corrections.engine.in_sets.sets import Range, sets_of
from corrections.models import Correction, FieldHold


def hold_fields(correction: Correction) -> int:
    """Takes the holds of every change anew and gives their number.

    Raises IntegrityError where another open correction has one; the caller's savepoint takes all of them back, and
    `holder_of` names that correction.
    """
    FieldHold.objects.filter(correction=correction).delete()
    return sets_of(correction).hold_fields()


def release_holds(correction: Correction, first: int, last: int) -> int:
    """Lets go of the records at these positions."""
    return sets_of(correction).release_holds(Range(first, last))


def holder_of(correction: Correction) -> Correction | None:
    """Another open correction that holds what this batch wants."""
    found = sets_of(correction).other_holder()
    return None if found is None else Correction.objects.get(pk=found)
