"""Every address of the site."""

from django.contrib import admin
from django.urls import path

from backoffice.staff.views import choose_language

urlpatterns = [
    path("language/", choose_language, name="choose_language"),
    path("", admin.site.urls),
]
