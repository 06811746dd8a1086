"""The pages on which user administrators keep persons and accounts. Roles are given in role_requests.py, by two.

Nobody administers himself: neither his own person nor any account of it. Nobody makes a superuser here, grants a
single permission, or deletes anything; roles themselves are made by `bootstrap_roles` and only shown.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.staff import step_up
from backoffice.staff.forms import AccountAddForm, AccountChangeForm, role_label
from backoffice.staff.models import Person, User

admin.site.unregister(Group)  # Django's own page of groups edits permissions


class StaffAdmin(admin.ModelAdmin):
    """What all pages of the staff register have in common."""

    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only the filters that the page offers: any other look-up could ask for what the page hides."""
        offered = {one[0] if isinstance(one, tuple) else one for one in self.get_list_filter(request)}
        return lookup.split("__")[0] in offered


def is_own(user: Any, person_id: int | None) -> bool:
    return user.person_id is not None and user.person_id == person_id


@admin.register(Person)
class PersonAdmin(StaffAdmin):
    list_display = ("employee_no", "name", "name_en", "department", "is_active", "account_names")
    list_filter = ("is_active", "department")
    search_fields = ("employee_no", "name", "name_en")
    fields = ("employee_no", "name", "name_en", "department", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        return super().get_queryset(request).prefetch_related("accounts")

    @admin.display(description=pgettext_lazy("sign-in", "accounts"))
    def account_names(self, person: Person) -> str:
        return ", ".join(account.username for account in person.accounts.all())

    def get_readonly_fields(self, request: HttpRequest, obj: Person | None = None) -> tuple[str, ...]:
        return ("employee_no",) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        return obj is None or may_administer_person(request.user, obj)


def may_administer_person(user: Any, person: Person) -> bool:
    """Whether `user` administers this person at all: not himself, and a superuser's person only as superuser."""
    if is_own(user, person.pk):
        return False
    return user.is_superuser or not person.accounts.filter(is_superuser=True).exists()


def may_administer_account(user: Any, account: User) -> bool:
    """Whether `user` administers this account at all: not his own, and a superuser's only as superuser."""
    if user.pk == account.pk or is_own(user, account.person_id):
        return False
    return user.is_superuser or not account.is_superuser


class RoleFilter(admin.RelatedFieldListFilter):
    """Accounts by role, in the reader's words."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        return [(group.pk, role_label(group)) for group in Group.objects.order_by("name")]


@admin.register(User)
class AccountAdmin(StaffAdmin, UserAdmin):
    form = AccountChangeForm
    add_form = AccountAddForm
    list_display = ("username", "person", "kind", "is_active", "role_names", "last_login")
    list_filter = ("is_active", "kind", ("groups", RoleFilter))
    list_select_related = ("person",)
    search_fields = ("username", "person__name", "person__employee_no")
    autocomplete_fields = ("person",)
    filter_horizontal = ()
    readonly_fields = ("username", "kind", "person", "is_superuser", "roles", "token", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "kind", "person", "language", "email")}),
        (_("Rights"), {"fields": ("is_active", "roles", "is_superuser", "token")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "kind", "person", "language", "email", "password1", "password2"),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("roles"))
    def role_names(self, account: User) -> str:
        return ", ".join(sorted(role_label(group) for group in account.groups.all()))

    @admin.display(description=_("roles"))
    def roles(self, account: User) -> str:
        """What the account holds, and where two people change that."""
        link = format_html(
            '<a href="{}?account={}">{}</a>', reverse("admin:staff_roles"), account.pk, gettext("ask or take away")
        )
        return format_html("{} · {}", self.role_names(account) or "—", link)

    @admin.display(description=_("token"))
    def token(self, account: User) -> str:
        """Whether one is set up; never anything of the token itself."""
        return gettext("set up") if step_up.has_token(account) else gettext("none")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        return obj is None or may_administer_account(request.user, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """A machine signs in nowhere: its page offers no password."""
        if obj is None or not obj.is_machine:
            return super().get_fieldsets(request, obj)
        others = self.fieldsets[1:]
        return ((None, {"fields": ("username", "kind", "language")}), *others)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        account = self.get_object(request, id)
        if account is not None and account.is_machine:
            raise PermissionDenied(_("A machine's account has no password."))
        return super().user_change_password(request, id, form_url)


@admin.register(Group)
class RoleAdmin(StaffAdmin):
    """Who holds which role; read-only."""

    list_display = ("name", "label", "member_count")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "label", "members")
    readonly_fields = ("name", "label", "members")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(member_total=Count("user"))

    @admin.display(description=_("role"), ordering="name")
    def label(self, group: Group) -> str:
        return role_label(group)

    @admin.display(description=_("members"), ordering="member_total")
    def member_count(self, group: Any) -> int:
        return group.member_total

    @admin.display(description=_("members"))
    def members(self, group: Group) -> str:
        accounts = User.objects.filter(groups=group).select_related("person").order_by("username")
        return ", ".join(str(account) for account in accounts) or "-"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
