"""The desk's own controls, corrected like everything else: a policy administrator asks, others sign (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from corrections.checks.controls import ControlsAreSound, PoliciesLeaveNoGap
from corrections.choices import Impact
from corrections.models import CalendarDay, ExchangeRate, FlagRule, Policy, PolicyStep
from corrections.registry import Correctable, register
from corrections.roles import Role


class Control(Correctable):
    impact: ClassVar[str] = Impact.CONTROL
    maker_role: ClassVar[str] = Role.POLICY_ADMIN
    checks: ClassVar[Sequence[type[Any]]] = (ControlsAreSound,)


@register(Policy)
class PolicyCorrections(Control):
    """A version is never edited: the next one is added, and the old one put out of force."""

    fields = tuple(field.name for field in Policy._meta.concrete_fields if field.name != "id")
    actions = {"create", "update"}
    list_display = ("name", "version", "is_active", "priority", "amount_from", "amount_below")
    list_filter = ("is_active",)
    search_fields = ("name",)
    depends = ("steps",)
    checks = (ControlsAreSound, PoliciesLeaveNoGap)
    retired_by: ClassVar[dict[str, Any]] = {"is_active": False}


@register(PolicyStep)
class PolicyStepCorrections(Control):
    fields = tuple(field.name for field in PolicyStep._meta.concrete_fields if field.name != "id")
    actions = {"create"}
    append_only = True
    list_display = ("policy", "position", "role", "people", "scope", "token")
    reads = ("policy",)
    retired_with = "policy"

    def label(self, row: Any) -> str:
        """A stored label has no language, so it names the role by its code."""
        return f"{row.position}. {row.people} × {row.role}"


@register(FlagRule)
class FlagRuleCorrections(Control):
    fields = ("code", "is_active", "raises_tier", "is_hidden_from_maker", "window_days", "threshold")
    actions = {"create", "update"}
    retired_by: ClassVar[dict[str, Any]] = {"is_active": False}
    list_display = ("code", "is_active", "raises_tier", "is_hidden_from_maker", "window_days", "threshold")
    list_filter = ("is_active", "raises_tier")
    search_fields = ("code",)


@register(ExchangeRate)
class ExchangeRateCorrections(Control):
    fields = ("currency", "valid_from", "rate")
    actions = {"create"}
    append_only = True
    list_display = ("currency", "valid_from", "rate")
    search_fields = ("currency",)


@register(CalendarDay)
class CalendarDayCorrections(Control):
    fields = ("day", "is_working", "opens_at", "closes_at", "note")
    actions = {"create", "update", "delete"}
    list_display = ("day", "is_working", "opens_at", "closes_at", "note")
    list_filter = ("is_working",)
    search_fields = ("day",)

    def label(self, row: Any) -> str:
        return f"{row.day}: {'+' if row.is_working else '−'}"
