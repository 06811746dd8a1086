"""Whether a correction can be signed at all. With too few people who could, it waits all the same, loudly (I-09)."""

from __future__ import annotations

from corrections.assessment import Assessment
from corrections.choices import AuditKind
from corrections.policies import Demand
from corrections.selectors.signers import is_enough, signers
from corrections.services._door import Act


def tell_if_nobody(act: Act, found: Assessment, demand: Demand) -> None:
    """Records that too few people could sign all steps, so that the clock alerts the user administrators."""
    excluded = {act.correction.maker_person_id, *found.barred}
    excluded.update(act.correction.contributions.values_list("person_id", flat=True))
    able = signers(demand, act.scope_keys, excluded)
    if not is_enough(able):
        steps = [f"{one.step.people} × {one.step.role}: {len(one.signers)}" for one in able]
        act.record(AuditKind.NOBODY_TO_SIGN, steps=steps)
