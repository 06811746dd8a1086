"""The settings are closed unless the environment opens them; each case is a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from backoffice.keys import MAKERS

ROOT = Path(__file__).resolve().parents[2]
SHOW = (
    "import json, sys; from backoffice import settings as s;"
    "print(json.dumps({n: getattr(s, n) for n in sys.argv[1:]}, default=str))"
)


def production(**changes: str) -> dict[str, str]:
    """The environment of a production process."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DATABASE_URL") if name in os.environ}
    secrets = {name: make() for name, make in MAKERS.items()}
    return {**kept, **secrets, "ALLOWED_HOSTS": "desk.example.com", **changes}


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own interpreter and code)
        [sys.executable, *arguments],
        cwd=ROOT,
        env=production(**changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def settings(*names: str, **changes: str) -> dict[str, object]:
    done = run("-c", SHOW, *names, **changes)
    assert done.returncode == 0, done.stderr
    shown: dict[str, object] = json.loads(done.stdout)
    return shown


def test_production_is_closed_by_default() -> None:
    shown = settings(
        "DEBUG", "PLAIN_HTTP", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "ALLOWED_HOSTS"
    )
    assert shown == {
        "DEBUG": False,
        "PLAIN_HTTP": False,
        "SECURE_SSL_REDIRECT": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "ALLOWED_HOSTS": ["desk.example.com"],
    }


def test_debug_only_when_asked() -> None:
    assert settings("DEBUG", DEBUG="1") == {"DEBUG": True}
    assert settings("DEBUG", DEBUG="0") == {"DEBUG": False}


def test_sandbox_app_is_installed_in_tests_only() -> None:
    assert "tests.sandbox" not in str(settings("INSTALLED_APPS"))
    assert "tests.sandbox" in str(settings("INSTALLED_APPS", BACKOFFICE_TESTING="1"))


def test_an_unreadable_secret_stops_the_process() -> None:
    done = run("-c", SHOW, "DEBUG", SECRET_KEY="", SECRET_KEY_FILE="/nowhere")
    assert done.returncode != 0
    assert "SECRET_KEY_FILE names a file that cannot be read" in done.stderr


def test_deployment_check_is_clean() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "0 silenced" in done.stdout
