"""A bank of two branches in the form of the published files, so that tests of the loader need no real data."""

from __future__ import annotations

from pathlib import Path

FILES: dict[str, list[str]] = {
    "district.asc": [
        "A1;A2;A3;A4;A5;A6;A7;A8;A9;A10;A11;A12;A13;A14;A15;A16",
        '1;"Hl.m. Praha";"Prague";1204953;0;0;0;1;1;100.0;12541;0.29;0.43;167;85677;99107',
        '2;"Benesov";"central Bohemia";88884;80;26;6;2;5;46.7;8507;1.67;1.85;132;2159;2674',
    ],
    "client.asc": [
        '"client_id";"birth_number";"district_id"',
        '1;"706213";2',
        '2;"450204";1',
        '3;"450204";1',
    ],
    "account.asc": [
        '"account_id";"district_id";"frequency";"date"',
        '11;2;"POPLATEK MESICNE";930101',
        '12;1;"POPLATEK TYDNE";930226',
    ],
    "disp.asc": [
        '"disp_id";"client_id";"account_id";"type"',
        '21;1;11;"OWNER"',
        '22;2;12;"OWNER"',
        '23;3;12;"DISPONENT"',
    ],
    "card.asc": ['"card_id";"disp_id";"type";"issued"', '31;22;"gold";931107 00:00:00'],
    "loan.asc": [
        '"loan_id";"account_id";"date";"amount";"duration";"payments";"status"',
        '41;12;930705;96396;12;8033.00;"B"',
    ],
    "order.asc": [
        '"order_id";"account_id";"bank_to";"account_to";"amount";"k_symbol"',
        '51;11;"YZ";"87144583";2452.00;"SIPO"',
        '52;12;"ST";"89597016";3372.70;"UVER"',
        '53;12;"QR";"123";10.00;" "',
    ],
    "trans.asc": [
        '"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"',
        '61;11;930101;"PRIJEM";"VKLAD";700.00;700.00;"";;',
        '62;11;930131;"PRIJEM";"";1.30;701.40;"UROK";;',
        '63;12;930301;"PRIJEM";"PREVOD Z UCTU";900.00;900.00;"DUCHOD";"AB";"41403269"',
        '64;12;930302;"VYDAJ";"PREVOD NA UCET";100.50;799.50;"SIPO";"YZ";"87144583"',
        '65;12;930303;"VYBER";"VYBER";200.00;599.50;" ";;',
        '66;12;930304;"VYDAJ";"VYBER";14.60;584.90;"SLUZBY";;',
    ],
}


def write_bank(folder: Path, **replaced: list[str]) -> Path:
    """The bank's files; `trans=[…]` replaces the rows (not the header) of trans.asc."""
    for name, lines in FILES.items():
        rows = replaced.get(name.removesuffix(".asc"), lines[1:])
        (folder / name).write_text("\r\n".join([lines[0], *rows]) + "\r\n", encoding="ascii")
    return folder


def rows_of(name: str) -> list[str]:
    return FILES[f"{name}.asc"][1:]
