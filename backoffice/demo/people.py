"""The demo's staff: persons with one account each, who hold every role between them, with two pairs at two branches."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.staff import declare_card
from backoffice.staff.models import Person, User
from corrections.roles import Role


@dataclass(frozen=True)
class Member:
    """One of the staff; `role` without `branch` holds everywhere, and a superuser has none."""

    username: str
    employee_no: str
    name: str
    role: str
    branch: str = ""

    @property
    def group(self) -> str:
        return f"{self.role}: {self.branch}" if self.branch else self.role


SUPERUSER = "superuser"

STAFF: tuple[Member, ...] = (
    Member("wang.li", "0231", "Wang Li", Role.MAKER, "Shanghai"),
    Member("chen.jie", "0244", "Chen Jie", Role.MAKER, "Shanghai"),
    Member("li.qiang", "0118", "Li Qiang", Role.CHECKER, "Shanghai"),
    Member("sun.hao", "0126", "Sun Hao", Role.CHECKER, "Shanghai"),
    Member("liu.yang", "0305", "Liu Yang", Role.MAKER, "Beijing"),
    Member("he.jing", "0317", "He Jing", Role.MAKER, "Beijing"),
    Member("zhou.yan", "0152", "Zhou Yan", Role.CHECKER, "Beijing"),
    Member("xu.lei", "0159", "Xu Lei", Role.CHECKER, "Beijing"),
    Member("tang.wei", "0203", "Tang Wei", Role.MAKER),
    Member("guo.min", "0107", "Guo Min", Role.CHECKER),
    Member("zhao.min", "0042", "Zhao Min", Role.SENIOR_CHECKER),
    Member("gao.feng", "0001", "Gao Feng", Role.PRESIDENT),
    Member("lin.na", "0023", "Lin Na", Role.CONTROLLER),
    Member("wu.jun", "0077", "Wu Jun", Role.EXECUTOR),
    Member("song.yu", "0061", "Song Yu", Role.COMPLIANCE),
    Member("ma.chao", "0068", "Ma Chao", Role.POLICY_ADMIN),
    Member("deng.xin", "0069", "Deng Xin", Role.POLICY_ADMIN),
    Member("hu.bing", "0070", "Hu Bing", Role.USER_ADMIN),
    Member("jiang.tao", "0071", "Jiang Tao", Role.USER_ADMIN),
    Member("sam", "0090", "Sam Porter", SUPERUSER),
)


# Declared by its holder: money that staff would send there is refused by machine. Made up, with a true check digit.
STAFF_CARD = ("sun.hao", "6228485544444447")


def declare_cards(staff: dict[str, User]) -> None:
    username, number = STAFF_CARD
    declare_card(person=staff[username].person, number=number)


def hire(secret: str) -> dict[str, User]:
    """Persons and accounts that are missing yet; the accounts by user name."""
    sealed = make_password(secret)
    with transaction.atomic():
        return {member.username: _account(member, sealed) for member in STAFF}


def _account(member: Member, sealed: str) -> User:
    person, _ = Person.objects.get_or_create(
        employee_no=member.employee_no, defaults={"name": member.name, "name_en": member.name}
    )
    account, is_new = User.objects.get_or_create(
        username=member.username,
        defaults={
            "person": person,
            "password": sealed,
            "is_staff": True,
            "is_superuser": member.role == SUPERUSER,
        },
    )
    if is_new and member.role != SUPERUSER:
        account.groups.add(Group.objects.get(name=member.group))
    return account
