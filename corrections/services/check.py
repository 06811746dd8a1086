"""Machine checks of a draft: advice to its maker, stored like every verdict, so that probing leaves a trace."""

from __future__ import annotations

from functools import partial
from typing import Any

from corrections.assessment import Assessment, assess
from corrections.choices import AuditKind, Verdict
from corrections.errors import CorrectionError
from corrections.models import CheckResult, Correction
from corrections.policies import together
from corrections.selectors.batch_totals import totals_of
from corrections.selectors.drafts import match_told
from corrections.services import _content, _door, _looks, _pinned, _rows
from corrections.services.draft import demand_editable


def check_draft(*, actor: Any, correction: Correction) -> Correction:
    """Runs every check on a draft or returned correction as it stands, and keeps the verdicts; it blocks nothing.

    Raises what keeps machines from looking at all: a missing exchange rate, say.
    """
    return _looks.ended(checking(actor=actor, correction=correction))


def checking(*, actor: Any, correction: Correction) -> _looks.Steps[Correction]:
    """The same step by step, saying how far machines are with a large batch; left alone halfway, nothing is kept."""
    return (yield from _looks.in_steps(partial(_check, actor, correction)))


def _check(actor: Any, correction: Correction, look: _looks.Look | None) -> Correction:
    with _door.opened(actor=actor, correction=correction) as act:
        demand_editable(act)
        if act.correction.changes.exists():
            pinned, act.correction.demand = act.correction.demand, {}  # that of an earlier revision doesn't count
            found = _assessed(act, look)
            act.correction.demand = pinned
            results = _pinned.results(act, found, _content.AT_DRAFT)
            CheckResult.objects.bulk_create(results)
            verdicts = [result.verdict for result in results if not result.is_flag]
            counts: dict[str, Any] = {str(verdict): verdicts.count(verdict) for verdict in Verdict.values}
            act.record(AuditKind.CHECKED, **counts)
    return act.correction


def _assessed(act: _door.Act, look: _looks.Look | None) -> Assessment:
    """What machines find; of a batch also what they say of single rows is kept, and what it does in sum."""
    if act.batch is not None:
        _rows.prepare(act, act.batch, act.batch.on_bad_row)
        taken = _looks.look_of(act, look, _looks.Asked(is_first=True))
        _rows.take_in(act, act.batch, taken)
        found = taken.found
        act.batch.totals = {**totals_of(act.correction), "asks": _asks(found)}
        act.batch.save(update_fields=["totals"])
        return found
    return assess(act.correction, act.changes, at=act.now, is_locking=False, with_external=True)


def _asks(found: Assessment) -> dict[str, Any]:
    """What policies demand of the batch as it stands, but for what a hidden flag adds; empty where none holds."""
    try:
        held = match_told(found)
    except CorrectionError:
        return {}
    return {**together(held.ruled).as_json(), "policies": [str(ruled.policy) for ruled in held.ruled]}
