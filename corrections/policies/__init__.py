"""Which policy holds for a correction, and what it demands; pure reading, no decision is taken here."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from corrections.errors import CorrectionError
from corrections.models import Policy, PolicyStep


class NoPolicy(CorrectionError):
    """I-09: no policy, no correction."""

    code = "no_policy_matches"
    message = _("No approval policy matches this correction, so nobody could approve it. Ask a policy administrator.")


def match() -> Policy:
    """The first policy in force by priority, with its steps. Raises NoPolicy."""
    policy = Policy.objects.filter(is_active=True).prefetch_related("steps").first()
    if policy is None or not policy.steps.all():
        raise NoPolicy
    return policy


def steps_of(policy: Policy) -> list[PolicyStep]:
    return sorted(policy.steps.all(), key=lambda step: step.position)
