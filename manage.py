#!/usr/bin/env python
"""The command line of the back office: hands over to Django, nothing else lives here."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    if sys.argv[1:2] == ["demo"]:
        # The settings need secrets, so the demo's own must exist before they are imported.
        from backoffice.keys import make_demo_keys

        make_demo_keys()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
