"""Every address of the site."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from backoffice.staff.views import choose_language

urlpatterns = [
    path("language/", choose_language, name="choose_language"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]

handler403 = "backoffice.refusals.not_allowed"
handler404 = "backoffice.refusals.not_found"
