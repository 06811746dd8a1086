"""What a draft of a policy moves, side by side with the version that it takes the place of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template

from corrections.models import Change, Correction
from corrections.selectors.policies import comparisons

register = template.Library()


@register.inclusion_tag("corrections/_policy_difference.html")
def policy_difference(correction: Correction, changes: Sequence[Change]) -> dict[str, Any]:
    """Nothing, and no query, where the correction adds no version."""
    return {"comparisons": comparisons(correction, changes)}
