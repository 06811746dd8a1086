"""The gate's public side: how the company's own systems write guarded rows, allowed and recorded.

    with recorded_write(source="loan-core"):
        payout.save()

Corrections don't come this way; the engine opens its own context.
"""

from __future__ import annotations

from corrections.engine.gate import missing, recorded_write

__all__ = ["missing", "recorded_write"]
