"""Small real files of every kind, made on the spot."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

import pypdfium2
import xlsxwriter
from PIL import Image


def picture(form: str = "PNG", size: tuple[int, int] = (60, 40), colour: str = "navy", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, form, **options)
    return buffer.getvalue()


def pdf(pages: int = 1, width: float = 300, height: float = 400) -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _page in range(pages):
        document.new_page(width, height)
    buffer = io.BytesIO()
    document.save(buffer)
    document.close()
    return buffer.getvalue()


def workbook(rows: list[list[str]] | None = None) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows or [["bank", "amount"], ["工商银行", "12.50"]]):
        for column, text in enumerate(row):
            sheet.write_string(number, column, text)
    book.close()
    return buffer.getvalue()


def with_part(archive: bytes, name: str, content: bytes, *, replace: bool = False) -> bytes:
    """The same zip file with one part more, or another content of one part."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if not (replace and info.filename == name):
                new.writestr(info.filename, old.read(info))
        new.writestr(name, content)
    return buffer.getvalue()


def mail(*, body: str = "The channel refused payout 7.", html: str = "") -> bytes:
    message = EmailMessage()
    message["From"] = "Channel desk <desk@channel.example>"
    message["To"] = "ops@lender.example"
    message["Date"] = "Mon, 02 Nov 2026 09:00:00 +0800"
    message["Subject"] = "退汇通知"
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    message.add_attachment(b"a,b\n", maintype="text", subtype="csv", filename="rows.csv")
    return message.as_bytes()


TEXT = "Payout 7 was refused.\n客户张三的付款被拒绝。\n".encode()
CSV = "bank,amount\n工商银行,12.50\n".encode()
