"""Rows drawn at random of a batch: whoever signs compares so many with the evidence, one by one, and says which."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.conf import limits
from corrections.errors import InvalidInput
from corrections.services._door import Act


class RowsNotConfirmed(InvalidInput):
    code = "sampled_rows_are_not_confirmed"
    message = _(
        "Of the %(needed)s rows drawn at random that you compare with the evidence, %(missing)s are not confirmed. "
        "Look at each, and tick it."
    )


class RowNotSampled(InvalidInput):
    code = "confirmed_row_was_not_drawn"
    message = _("Row %(row)s is none of those that were drawn at random. Look at the correction again.")


class ConfirmedNotReadable(InvalidInput):
    code = "confirmed_not_readable"
    message = _("Name the confirmed rows by their positions, each of which is a whole number.")


def confirmed_rows(act: Act, confirmed: Any) -> list[int]:
    """Positions of the rows that were confirmed, in order. Of a sample that is smaller than asked for: all of it.

    A correction that was entered by hand has no sample, so that nothing is asked for, and nothing can be confirmed.
    """
    drawn = set() if act.batch is None else set(act.batch.sample.get("positions", ()))
    given = set(_positions(confirmed))
    for row in sorted(given - drawn):
        raise RowNotSampled(field="confirmed", row=row)
    needed = min(act.demand.sample_rows, len(drawn))
    if len(given) < needed:
        raise RowsNotConfirmed(field="confirmed", missing=needed - len(given), needed=needed)
    return sorted(given)


def _positions(confirmed: Any) -> list[int]:
    """As many as a sample can hold."""
    if confirmed is None:
        return []
    most = max(limits.POLICY_SAMPLE_ROWS_MAX, limits.BATCH_SAMPLE_ROWS)
    given = list(islice(confirmed, most + 1)) if isinstance(confirmed, Iterable) else None
    if given is None or len(given) > most or any(type(row) is not int for row in given):
        raise ConfirmedNotReadable(field="confirmed")
    return given
