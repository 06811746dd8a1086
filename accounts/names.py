"""People's names as labels show them: enough to recognise, too little to copy."""

from __future__ import annotations


def masked_name(name: str) -> str:
    """`Zhang Xiaoming` → `Zhang *ming`, `张小明` → `张*明`, `Li` → `L*`; the whole name is never repeated."""
    first, _, rest = name.strip().partition(" ")
    if rest:
        shown = min(4, len(rest) // 2)
        return f"{first} *{rest[len(rest) - shown :]}"
    if len(first) > 2:
        return f"{first[0]}*{first[-1]}"
    return f"{first[:1]}*"
