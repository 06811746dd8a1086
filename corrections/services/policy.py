"""The first approval policy, installed where there is none; changing one that exists is a correction like any other."""

from __future__ import annotations

from typing import Any

from corrections.engine import gate
from corrections.models import Policy, PolicyStep
from corrections.roles import Role

SHIPPED_NAME = "four eyes"


def install_shipped(*, actor: Any) -> Policy | None:
    """Adds the shipped policy where there is none at all: one step, a checker of the scope, one piece of evidence.

    Returns the policy if it was added. Never touches a policy that exists, in force or not.
    """
    if Policy.objects.exists():
        return None
    with gate.opened(actor=actor, reason="shipped policy"):
        policy = Policy.objects.create(name=SHIPPED_NAME)
        PolicyStep.objects.create(policy=policy, position=1, role=Role.CHECKER)
    return policy
