"""Django's own `migrate`, which leaves no table unguarded behind it, not even when a migration fails."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from corrections.engine.gate.checks import migrating
from corrections.engine.gate.migration import after_crash


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        with migrating():
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> Any:
        try:
            return super().handle(*args, **options)
        except BaseException:
            # An interruption counts too. After a kill, the system check names what is missing.
            after_crash(options["database"])
            raise
