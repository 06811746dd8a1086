"""What a revision is pinned to: the demand of its policies, its steps, rates, flags and verdicts."""

from __future__ import annotations

from typing import Any

from corrections import checks
from corrections.assessment import Assessment, policy_currency
from corrections.assessment.assess import pinned_rules
from corrections.choices import Verdict
from corrections.models import CheckResult, Correction, CorrectionStep
from corrections.policies import Demand
from corrections.services._door import Act


def as_json(assessment: Assessment, demand: Demand) -> dict[str, Any]:
    """The demand with all that it rests on, as it is kept and signed."""
    return demand.as_json() | {
        "policies": [[ruled.policy.pk, str(ruled.policy)] for ruled in assessment.match.ruled],
        "currency": policy_currency(),
        "rates": {currency: f"{rate:f}" for currency, rate in sorted(assessment.rates.items())},
        "amount": f"{assessment.case.amount:.4f}",
        "earlier": {f"{by}:{days}": f"{sum_:.4f}" for (by, days), sum_ in sorted(assessment.case.earlier.items())},
        "rows": assessment.case.rows,
        "earlier_rows": {f"{by}:{days}": rows for (by, days), rows in sorted(assessment.case.earlier_rows.items())},
        "flags": sorted(assessment.case.flags),
        "flag_rules": pinned_rules(assessment.rules),
    }


def put_steps(correction: Correction, demand: Demand) -> None:
    CorrectionStep.objects.bulk_create(
        CorrectionStep(
            correction=correction,
            revision=correction.revision,
            position=position,
            role=step.role,
            people=step.people,
            scope=step.scope,
            token=step.token,
            is_rekeying=step.is_rekeying,
            escalates_to=step.escalates_to,
        )
        for position, step in enumerate(demand.steps, start=1)
    )


def results(act: Act, assessment: Assessment, moment: str) -> list[CheckResult]:
    """The verdicts and raised flags of one moment, with their sentences in every language."""
    found = [_result(act, moment, check.code, finding) for check, finding in assessment.findings]
    for raised in assessment.flags:
        result = _result(act, moment, raised.flag.code, raised.finding)
        result.is_flag, result.is_hidden = True, raised.rule.is_hidden_from_maker
        result.verdict = Verdict.WARN
        found.append(result)
    return found


def _result(act: Act, moment: str, code: str, finding: checks.Finding) -> CheckResult:
    message, said = checks.in_every_language(finding.message)
    looked_at = dict(finding.looked_at)
    return CheckResult(
        correction=act.correction,
        revision=act.correction.revision,
        moment=moment,
        check_code=code,
        verdict=finding.verdict,
        message=message,
        looked_at={**looked_at, "said": said} if said else looked_at,
        at=act.now,
    )
