"""Every setting of the project, for the demo, the tests and production alike; no secret stands here.

The environment decides: DATABASE_URL, DEBUG, ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS, DESK_TIME_ZONE, EVIDENCE_ROOT,
TRUST_PROXY_HEADER, PROXIES_IN_FRONT, LOG_LEVEL, DATA_FIX_STATEMENTS, DEMO_FOLDER and the secrets of
backoffice/keys.py. What is not set is closed, not open.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from backoffice import keys

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}

DEBUG = _flag("DEBUG")
TESTING = _flag("BACKOFFICE_TESTING")
ALLOWED_HOSTS = _list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

# Plain HTTP is for a developer, the test suite, and the demo while it is reachable from this machine only.
DEMO = keys.is_demo()
PLAIN_HTTP = DEBUG or TESTING or (DEMO and set(ALLOWED_HOSTS) <= LOOPBACK)

SECRET_KEY = keys.secret("SECRET_KEY")
FIELD_KEYS = keys.secret("FIELD_KEYS")
INDEX_KEY = keys.secret("INDEX_KEY")
SEAL_KEY = keys.secret("SEAL_KEY")

# Applications

INSTALLED_APPS = [
    "backoffice",
    "backoffice.staff",
    "corrections",
    "accounts",
    "backoffice.apps.BackofficeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "simple_history",
    "csp",
    "axes",
]
if TESTING:
    INSTALLED_APPS += ["taggit", "tests.sandbox"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "backoffice.staff.middleware.ChosenLanguageMiddleware",
    "backoffice.staff.middleware.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it puts the page of a lock-out in place of the answer
]

ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]

# Database

SQLITE_BUSY_SECONDS_MAX = 20


def _database() -> dict[str, Any]:
    database: dict[str, Any] = dict(
        dj_database_url.config(
            env="DATABASE_URL",
            default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}",
            conn_max_age=60,
            conn_health_checks=True,
        )
    )
    database["ATOMIC_REQUESTS"] = False  # a stale apply commits `failed` and then raises
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_BUSY_SECONDS_MAX,
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;"
                f"PRAGMA recursive_triggers=ON;PRAGMA busy_timeout={SQLITE_BUSY_SECONDS_MAX * 1000};"
            ),
        }
        # A file, not memory: threads of the tests must meet the same locks as in production.
        database["TEST"] = {"NAME": f"{database['NAME']}.test"}
    return database


DATABASES = {"default": _database()}
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # The queue that wakes workers; it needs PostgreSQL, and its migrations never come near SQLite.
    INSTALLED_APPS += ["procrastinate.contrib.django"]
    PROCRASTINATE_IMPORT_PATHS = ["corrections.services.batch_jobs"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# People and permissions

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: whoever is locked out is asked for no password
    "backoffice.staff.backends.ActivePersonBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian makes no account for nobody
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

CORRECTIONS_PERSON_MODEL = "staff.Person"
CORRECTIONS_NEVER_DELETED = ["staff.Person", "staff.User", "staff.Token"]
CORRECTIONS_APPEND_ONLY = ["staff.StepUp"]
CORRECTIONS_STEP_UP = "backoffice.staff.step_up"
# Whether executors who also make corrections may paste a data-fix statement; it is read, and never run.
CORRECTIONS_STATEMENTS = _flag("DATA_FIX_STATEMENTS")

# Lock-out: after so many failures, a user name is closed to an address for so long. Names that don't exist lock alike.

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who goes on trying is not kept out for longer
AXES_ENABLE_ADMIN = False  # our own page shows them, read-only
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_ACCESS_FAILURE_LOG_PER_USER_LIMIT = 1_000_000  # beyond a limit axes would drop the newest
AXES_LOCKOUT_CALLABLE = "backoffice.sign_in.locked_out"
AXES_USERNAME_CALLABLE = "backoffice.sign_in.noted_name"
AXES_CLIENT_IP_CALLABLE = "backoffice.sign_in.client_address"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_CLIENT_STR_CALLABLE = "backoffice.sign_in.described"  # in the log
AXES_VERBOSE = False
# How many proxies of ours append to X-Forwarded-For. With none, the header is what anybody writes, and is not read.
PROXIES_IN_FRONT = int(os.environ.get("PROXIES_IN_FRONT", "0"))

# Mail of notices: to the server that EMAIL_HOST names; without one none is sent, and the demo prints them.

EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = keys.optional("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = _flag("EMAIL_USE_TLS")
EMAIL_USE_SSL = _flag("EMAIL_USE_SSL")
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console' if DEMO else 'dummy'}.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("MAIL_FROM", "desk@localhost")
CORRECTIONS_MAILS = bool(EMAIL_HOST) or DEMO
CORRECTIONS_SITE_URL = os.environ.get("SITE_URL", "")  # what the links in mails begin with: https://desk.example.com

# Language, time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
USE_I18N = True
FORMAT_MODULE_PATH = ["backoffice.formats"]
USE_TZ = True
DESK_TIME_ZONE = os.environ.get("DESK_TIME_ZONE", "Asia/Shanghai")
TIME_ZONE = DESK_TIME_ZONE

# Files

STATIC_URL = "static/"
# Loopback needs no collectstatic step: WhiteNoise then serves straight from the packages.
STATIC_ROOT = None if PLAIN_HTTP else BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = PLAIN_HTTP and not TESTING
WHITENOISE_ALLOW_ALL_ORIGINS = False
EVIDENCE_ROOT = Path(os.environ.get("EVIDENCE_ROOT") or (keys.DEMO_FOLDER if DEMO else BASE_DIR) / "evidence")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is kept by accident
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if PLAIN_HTTP
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
    "evidence": {
        "BACKEND": "corrections.protection.storage.DurableFileStorage",
        "OPTIONS": {
            "location": EVIDENCE_ROOT,
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# Browser security

SECURE_SSL_REDIRECT = not PLAIN_HTTP
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = not PLAIN_HTTP
SECURE_HSTS_PRELOAD = not PLAIN_HTTP
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if _flag("TRUST_PROXY_HEADER"):  # only behind a proxy that always sets or strips this header
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = not PLAIN_HTTP
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # a link in a mail or ticket opens the page signed in
SESSION_SECONDS_MAX = 10 * 3600  # one working day, then one signs in again
SESSION_IDLE_SECONDS_MAX = 30 * 60
SESSION_NOTED_SECONDS = 60  # a request is noted in the session at most so often
# An ended sign-in is still known over a weekend, so that a page can say why it ended; it opens nothing any more.
SESSION_COOKIE_AGE = SESSION_SECONDS_MAX + 3 * 24 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_SECURE = not PLAIN_HTTP
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "base-uri": [NONE],
    },
}

# Bank cards: the verifier is off until it is named (accounts/verifiers), the list of BINs is ours until another is.

CARD_VERIFIER_URL = os.environ.get("CARD_VERIFIER_URL", "").strip()
CARD_VERIFIER_KEY = keys.optional("CARD_VERIFIER_KEY")
CARD_VERIFIER_UNKNOWN = os.environ.get("CARD_VERIFIER_UNKNOWN", "warn").strip()  # or "fail"
CARD_BINS_FILE = os.environ.get("CARD_BINS_FILE", "").strip()

# Logging: one line per event on stderr, no request bodies, long numbers masked.

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "backoffice.logs.MaskingFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "axes": {"handlers": [], "level": "WARNING", "propagate": True},
        "procrastinate": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}

if TESTING:
    # The tests sign in hundreds of times; a slow hash would prove nothing there.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
