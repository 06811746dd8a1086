"""The pages on which user administrators keep persons, accounts and who holds which role.

Nobody administers himself: neither his own person nor any account of it. Nobody makes a superuser here, grants a
single permission, or deletes anything; roles themselves are made by `bootstrap_roles` and only shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

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
    filter_horizontal = ("groups",)
    readonly_fields = ("username", "kind", "person", "is_superuser", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "kind", "person", "language")}),
        (_("Rights"), {"fields": ("is_active", "groups", "is_superuser")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "kind", "person", "language", "password1", "password2"),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("roles"))
    def role_names(self, account: User) -> str:
        return ", ".join(sorted(role_label(group) for group in account.groups.all()))

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

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = Group.objects.order_by("name")
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            field.label_from_instance = role_label
        return field

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        account = self.get_object(request, id)
        if account is not None and account.is_machine:
            raise PermissionDenied(_("A machine's account has no password."))
        return super().user_change_password(request, id, form_url)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Django's message, which names fields only, and the roles that were given and taken."""
        message = super().construct_change_message(request, form, formsets, add)
        if not add and "groups" in getattr(form, "changed_data", ()):
            moved: Any = {"changed": {"name": "roles", "object": "", "fields": _roles_moved(form)}}
            message.append(moved)
        return message


def _roles_moved(form: Any) -> list[str]:
    before, after = _names(form.initial["groups"]), _names(form.cleaned_data["groups"])
    return [f"+ {name}" for name in sorted(after - before)] + [f"- {name}" for name in sorted(before - after)]


def _names(groups: Iterable[Group]) -> set[str]:
    return {group.name for group in groups}


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
