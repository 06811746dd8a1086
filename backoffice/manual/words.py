"""The desk's words in both languages side by side: each has one meaning, whichever language one works in."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Word:
    english: str
    chinese: str
    meaning: str | Promise


WORDS: tuple[Word, ...] = (
    Word("correction", "订正单", _("one request to change wrong data, approved or refused as a whole")),
    Word("change", "修改明细", _("one record inside a correction, with its old and new values")),
    Word("record", "订正对象", _("the business row that is corrected")),
    Word("scope", "管辖机构", _("what a record belongs to, a branch say; people hold their roles on it")),
    Word("maker", "经办", _("asks for a correction, with reason and evidence")),
    Word("checker", "复核", _("another person, who decides on what the maker asked for")),
    Word("senior checker", "授权", _("signs after the checker where the policy wants it")),
    Word("compliance", "合规稽核", _("sees everything, changes nothing, may put a correction on hold")),
    Word("batch", "批量订正", _("a correction whose changes come from a file, a selection or a statement")),
    Word("person", "人员", _("a human being; all rules about people compare persons, not accounts")),
    Word("incident", "事件", _("one cause behind many corrections, which may share its evidence")),
    Word("evidence", "证明材料", _("a file that supports a correction; it can't be changed once submitted")),
    Word("check", "系统校验", _("the machine's verdict on a correction: passed, warning or failed")),
    Word("risk flag", "风险提示", _("a named suspicion that may raise the tier; some are hidden from the maker")),
    Word("policy", "审批规则", _("the rule that says who must sign and how much evidence is needed")),
    Word(
        "tier", "审批级次", _("the signatures that the policies demand for this amount, count of rows and risk flags")
    ),
    Word("step", "环节", _("one signature that the policy demands")),
    Word("decision", "审批意见", _("approve, return or reject, by one person at one step")),
    Word("blind re-key", "盲录核对", _("whoever signs types the new value from the evidence without seeing it")),
    Word("digest", "内容校验码", _("the fingerprint of what was submitted: what was signed is what is applied")),
    Word("before-image", "修改前快照", _("the whole record as it was before")),
    Word("after-image", "修改后快照", _("the whole record as it is afterwards")),
    Word("apply", "执行", _("carry out an approved correction, exactly once")),
    Word("revert", "恢复原值", _("take an applied correction back, by a new correction of its own")),
    Word("return", "退回补正", _("send it back to the maker, who may submit it again as the next revision")),
    Word("withdraw", "撤回申请", _("the maker takes the correction back before it is applied")),
    Word("expire", "逾期失效", _("nobody decided in time, so the correction ends")),
    Word("hold", "暂挂", _("compliance stops a correction until it is released")),
    Word("stale", "原值已变动", _("the live value is no longer the one that the maker saw")),
    Word("gate", "防直改保护", _("the database refuses any other way of changing these records")),
    Word("dormant", "长期不动户", _("an account unused for long")),
)
