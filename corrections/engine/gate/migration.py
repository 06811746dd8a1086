"""Guards around migrations: off before, on after, and what a migration changed goes into history as `migration`."""

from __future__ import annotations

from typing import Any

from corrections.engine.gate.install import drop, install


def before_migrate(*, using: str, plan: Any = None, **kwargs: Any) -> None:
    """SQLite rebuilds tables, and loses triggers or crashes on those of other tables."""
    if plan:
        drop(using)


def after_migrate(*, using: str, plan: Any = None, **kwargs: Any) -> None:
    """Also sent by `flush`, without a plan."""
    install(using)
