"""Directories as other cities and vendors publish them, each with faults of its own among good rows.

All organizations are made up. What the files look like is not: column names, encodings, links and slips are those of
directories that can be had (Ohana exports and dumps, HSDS 1.0 to 3.1, Open Referral UK, iCarol, Airtable, Excel).

What they say stands in `unseen_directories/`, as plain UTF-8 to be read by people; here each is packed as it was found.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

WRITTEN = Path(__file__).with_name("unseen_directories")


def ohana_county(folder: Path) -> Path:
    """A county in Massachusetts, exported from Ohana and saved once with Excel: smart quotes, ZIP codes without a 0."""
    return put(folder / "bay-county", tables("ohana_county", "cp1252"))


def miami(folder: Path) -> Path:
    """HSDS 1.1 packed on a Mac, in a folder of its own, with capital endings; numbers for ids, tables by hand."""
    files = {".DS_Store": b"\x00"}
    litter = {}
    for name, table in tables("miami").items():
        files[name.upper()] = table
        litter[f"__MACOSX/Miami Export/._{name.upper()}"] = b"\x00\x05\x16\x07"
    return zipped(folder / "miami.zip", {**{f"Miami Export/{name}": file for name, file in files.items()}, **litter})


def chicago(folder: Path) -> Path:
    """HSDS 2.0, saved from Excel as “Unicode text”: UTF-16, tabs, empty columns and rows to the right and below."""
    return put(folder / "chicago", tables("chicago", "utf-16", "\t"))


def open_referral_uk(folder: Path) -> Path:
    """Pages of Open Referral UK's first API, each saved as a file: `content`, tables under the names of HSDS 1."""
    services: list[object] = [numbered("open_referral_uk/service.json", number) for number in range(1, 24)]
    odd: list[object] = [
        numbered("open_referral_uk/service.json", 11, organization=None),
        numbered("open_referral_uk/service.json", 12, name=None),
        numbered("open_referral_uk/service.json", 13, minimum_age=10**400),
        "not an object",
    ]
    pages = {}
    for number, content in enumerate((services[:10], odd + services[13:]), start=1):
        about = {"totalElements": 24, "totalPages": 2, "number": number, "size": 12, "first": number == 1}
        page = {**about, "last": number == 2, "empty": False, "content": content}
        pages[f"services-page-{number}.json"] = json.dumps(page, indent=1).encode()
    return put(folder, pages)


def hsds_3_page(folder: Path) -> Path:
    """What `/services?full=true` of HSDS 3.1 gives: nulls, everything nested, one location of many services."""
    odd = json.loads((WRITTEN / "hsds_3_page" / "odd.json").read_text(encoding="utf-8"))
    services = [numbered("hsds_3_page/service.json", number, **odd.get(str(number), {})) for number in range(1, 21)]
    about = {"total_items": 20, "total_pages": 1, "page_number": 1, "size": 20, "first_page": True, "last_page": True}
    page = {**about, "empty": False, "contents": services}
    return put(folder, {"services.json": json.dumps(page).encode("utf-8-sig")}) / "services.json"


def icarol_2025(folder: Path) -> Path:
    """A 211's export of this year: agencies are their own parents, hours twice, codes joined with stars, HTML."""
    return put(folder, tables("icarol_2025", "cp1252"))


def airtable(folder: Path) -> Path:
    """An HSDS base of Airtable: a CSV of each view, columns with capitals and spaces, links by name, no ids at all."""
    return put(folder / "airtable", tables("airtable", "utf-8-sig"))


def excel(folder: Path) -> Path:
    """A county's HSDS 3, edited in Excel in a country with semicolons: titles, numbers, dates, columns to the right."""
    return put(folder / "hampden", tables("excel", "cp1252", ";"))


def renamed(folder: Path) -> Path:
    """Tables under names of a vendor's own, which only the datapackage.json knows; one of them packed once more."""
    files = tables("renamed")
    files["terms.csv.gz"] = gzip.compress(files.pop("terms.csv"))
    put(folder, {"datapackage.json": (WRITTEN / "renamed" / "datapackage.json").read_bytes()})
    zipped(folder / "deeper" / "old.zip", {"services.csv": b"id\n1\n"})
    put(folder / "deeper", files)
    return folder


def without_links(folder: Path) -> Path:
    """Three tables and nothing between them: places and categories stand in the services themselves."""
    return put(folder / "tacoma", tables("without_links"))


def wrong_bytes(folder: Path) -> Path:
    """HSDS 3 put together from files of several people: one in Windows-1252, one cut off, one with quotes left open."""
    files = tables("wrong_bytes")
    services = files["services.csv"].splitlines(keepends=True)
    services.insert(3, b'x1,o1,"Open quote,active,never closed\r\n')
    services.insert(6, b"x2,o2,Sopa\xa0del d\xeda,active,caf\xe9\r\n")
    services.append(b"x3,o3,Cut o")
    files["services.csv"] = b"\xef\xbb\xbf" + b"".join(services)
    files["organizations.csv"] = files["organizations.csv"].replace(b"\r\n", b"\r")
    return put(folder, {**files, "schedules.csv": b"", "phones.csv": b"\x00" * 4000})


def lines_of_organizations(folder: Path) -> Path:
    """One organization with all it has on each line, gzipped; lists of words where HSDS has lists of objects."""
    lines = [json.dumps(numbered("lines_of_organizations/organization.json", number)) for number in range(1, 21)]
    lines[4] = lines[4][:-20]
    lines[7] = '{"id": "org8", "name": ""}'
    return put(folder, {"export.ndjson.gz": gzip.compress("\n".join(lines).encode())}) / "export.ndjson.gz"


def flat_of_codes(folder: Path) -> Path:
    """A 211's older flat export: small letters, tabs, taxonomy in numbered columns, codes whose names are not told."""
    return put(folder, tables("flat_of_codes", delimiter="\t"))


def one_sheet_each(folder: Path) -> Path:
    """A city's spreadsheet of three sheets: each row has its phones, hours, ages, areas and address in columns."""
    return put(folder / "spokane", tables("one_sheet_each", "utf-8-sig"))


def named_by_table(folder: Path) -> Path:
    """A network of law offices: each column carries its table's name, ids are called uuid, addresses are one line."""
    return put(folder / "gulf", tables("named_by_table"))


def database_dump(folder: Path) -> Path:
    """An Ohana directory copied out of PostgreSQL: lists in braces, t and f, columns of the application's own."""
    return put(folder / "park", tables("database_dump"))


def json_of_old_tables(folder: Path) -> Path:
    """HSDS 1.1 out of Salesforce, one JSON file for each table, eligibility and categories in tables of their own."""
    return put(folder, {file.name: file.read_bytes() for file in (WRITTEN / "json_of_old_tables").glob("*.json")})


def icarol_sites(folder: Path) -> Path:
    """A 211 that lists programs under the site where they are, and sites under sites."""
    return put(folder, tables("icarol_sites"))


def tables(directory: str, encoding: str = "utf-8", delimiter: str = ",") -> dict[str, bytes]:
    """The tables of a directory by file name, with line ends as Windows has them."""
    files = {}
    for file in sorted((WRITTEN / directory).glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            out = io.StringIO()
            csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(csv.reader(lines))
        files[file.name] = out.getvalue().encode(encoding)
    return files


def numbered(file: str, number: int, **odd: object) -> dict[str, Any]:
    """A JSON object with the number in place of every #, and with two digits of every ##; `odd` overrides it."""
    text = (WRITTEN / file).read_text(encoding="utf-8").replace("##", f"{number:02}").replace("#", str(number))
    return {**json.loads(text), **odd}


def put(folder: Path, files: dict[str, bytes]) -> Path:
    """Each as a file of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
