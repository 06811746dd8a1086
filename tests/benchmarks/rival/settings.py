"""The project's settings with django-maker-checker installed beside the engine; for the benchmark alone."""

from backoffice.settings import *  # noqa: F403
from backoffice.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "django_maker_checker", "tests.benchmarks.rival"]

# django_maker_checker has tasks for another queue, which isn't installed.
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = None
