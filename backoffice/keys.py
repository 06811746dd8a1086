"""Where the process finds its secrets; no secret is ever made here outside the demo's own folder.

A secret is looked for in the environment variable NAME, then in the file that NAME_FILE names, then in
the demo's folder. Nothing has a default: a missing secret stops the process with the remedy in its message.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

DEMO_FOLDER = Path(os.environ.get("DEMO_FOLDER") or Path(__file__).resolve().parent.parent / ".demo")

KEY_BYTES = 32


def _random_text() -> str:
    return secrets.token_urlsafe(64)


def _random_words() -> str:
    return "-".join(["desk", *(secrets.token_hex(2) for _ in range(3))])


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def _random_named_key() -> str:
    return f"demo-{secrets.token_hex(3)}:{_random_key()}"


# Each secret with the maker of a random one: FIELD_KEYS and SEAL_KEY carry key names, so that they can rotate.
MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": _random_text,
    "FIELD_KEYS": _random_named_key,
    "INDEX_KEY": _random_key,
    "SEAL_KEY": _random_key,
}


def secret(name: str, folder: Path = DEMO_FOLDER) -> str:
    """The secret called `name`; raises ImproperlyConfigured when no source has it."""
    value = _from_environment(name) or _from_folder(name, folder)
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Put it in the environment variable {name} or in a file named by {name}_FILE; "
            "for a demonstration on this machine run `manage.py demo` first, which makes its own."
        )
    return value


def optional(name: str) -> str:
    """A secret that a site may do without; "" where neither NAME nor NAME_FILE gives it."""
    return _from_environment(name)


def is_demo(folder: Path = DEMO_FOLDER) -> bool:
    """Whether this process signs with the demo's throw-away key."""
    return not _from_environment("SECRET_KEY") and bool(_from_folder("SECRET_KEY", folder))


def demo_secrets(folder: Path = DEMO_FOLDER) -> list[str]:
    """Names of the secrets that this process takes from the demo's folder."""
    return [name for name in MAKERS if not _from_environment(name) and _from_folder(name, folder)]


def make_demo_keys(folder: Path | None = None) -> list[str]:
    """Make the demo's missing secrets, readable by their owner only; returns the names of those made.

    Secrets that the folder holds already are kept: data encrypted by them must stay readable.
    """
    folder = folder or DEMO_FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [name for name, make in MAKERS.items() if _write_once(folder / name, make)]


def demo_password(folder: Path | None = None) -> str:
    """The password of all the demo's accounts, made once and kept in the demo's folder."""
    path = (folder or DEMO_FOLDER) / "PASSWORD"
    _write_once(path, _random_words)
    return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, make: Callable[[], str]) -> bool:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(make() + "\n")
    return True


def _from_environment(name: str) -> str:
    if value := os.environ.get(name, "").strip():
        return value
    if not (path := os.environ.get(f"{name}_FILE", "").strip()):
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error.strerror}") from error


def _from_folder(name: str, folder: Path) -> str:
    path = folder / name
    return path.read_text(encoding="ascii").strip() if path.is_file() else ""
