"""Which policy holds for a correction, and what it demands; pure reading, no decision is taken here."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from corrections.errors import CorrectionError
from corrections.models import Policy, PolicyStep
from corrections.roles import Role

SHIPPED_NAME = "four eyes"


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


def install_shipped(*, actor: Any) -> Policy | None:
    """Adds the shipped policy where there is none at all: one step, a checker of the scope, one piece of evidence.

    Returns the policy if it was added. Never touches a policy that exists, in force or not.
    """
    from corrections.engine import gate

    if Policy.objects.exists():
        return None
    with gate.opened(actor=actor, reason="shipped policy"):
        policy = Policy.objects.create(name=SHIPPED_NAME)
        PolicyStep.objects.create(policy=policy, position=1, role=Role.CHECKER)
    return policy
