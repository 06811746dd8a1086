"""Rules over the engine's own tables that the database holds by itself, with or without our services."""

from __future__ import annotations

from corrections.engine.gate.guards import Columns, Guard


def control_guards(existing: Columns) -> list[Guard]:
    return []
