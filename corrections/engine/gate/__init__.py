"""The gate (I-06, I-07, I-08): the database refuses writes without a context, and writes history itself.

`context` says who writes; `guards` and `control` say what is guarded and how; `postgresql` and `sqlite` turn that
into SQL; `install` puts it on and off; `migration` does so around migrations and records what they changed.
"""

from __future__ import annotations

from corrections.engine.gate.connecting import connect
from corrections.engine.gate.context import maintenance, opened, recorded_write
from corrections.engine.gate.install import drop, install, missing, stands_on

__all__ = ["connect", "drop", "install", "maintenance", "missing", "opened", "recorded_write", "stands_on"]
