"""What machines say again at a decision and inside apply: whether a submitted correction is still good as it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.assessment import Assessment, assess, assess_in_bulk
from corrections.choices import OnBadRow
from corrections.errors import Conflict, CorrectionError, NotAllowed
from corrections.models import Correction
from corrections.services import _content, _door, _looks
from corrections.services.submit import demand_consent, demand_evidence, demand_passed


class HandlerCannotDecide(NotAllowed):
    """查核不返原岗: not back to the same desk."""

    code = "handler_cannot_decide"
    message = _("You booked, reconciled or own this record, so another person must decide it.")


class TierRaised(Conflict):
    code = "tier_was_raised"
    message = _(
        "This correction needs more signatures than when it was submitted, so those given before are void. "
        "Look at it again."
    )


def assessed(act: _door.Act, *, at: dt.datetime, is_locking: bool = True, **asked: Any) -> Assessment:
    """What machines find, of a batch page by page. A batch that is applied in chunks locks nothing but its chunk."""
    batch = act.batch
    if batch is None:
        return assess(act.correction, act.changes, at=at, is_locking=is_locking, **asked)
    return assess_in_bulk(
        act.correction,
        at=at,
        is_locking=is_locking and batch.chunk_rows is None,
        skips_stale=batch.on_bad_row == OnBadRow.SKIP,
        **asked,
    )


def asked_again(act: _door.Act) -> _looks.Asked:
    """What machines are asked at a decision, with windows counted from the submission."""
    return _looks.Asked(at=act.correction.submitted_at or act.now, checker_person_id=act.actor.person_id)


def demand_look(act: _door.Act, look: _looks.Look | None) -> None:
    """Has machines look at a large batch first, outside this act, if they have not yet."""
    _looks.demand_look(act, look, asked_again(act))


def reassessed(act: _door.Act, look: _looks.Look | None = None, *, stead_id: int | None = None) -> Assessment:
    """What machines find now, on locked rows; of a large batch what they found just before, if that still holds.

    Raises HandlerCannotDecide for who handled the records, and for who stands in for such a person (`stead_id`).
    """
    asked = asked_again(act)
    if act.batch is None:
        found: Assessment = assess(
            act.correction, act.changes, at=asked.at or act.now, is_locking=True, checker_person_id=act.actor.person_id
        )
    else:
        found = _looks.look_of(act, look, asked).found
    if {act.actor.person_id, stead_id} & found.barred:
        raise HandlerCannotDecide
    found.match  # noqa: B018 - raises NoPolicy: then nobody could approve it as it is
    return found


def failure(correction: Correction, signed: _content.Signed, found: Assessment) -> CorrectionError | None:
    """Why the correction could not go on as it is, or None."""
    try:
        demand_passed(found)
        demand_evidence(list(signed.evidence), found.demand)
        demand_consent(correction, list(signed.changes), list(signed.evidence), found)
    except CorrectionError as refusal:
        return refusal
    return None
