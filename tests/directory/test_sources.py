from __future__ import annotations

import pytest

from app.directory.mapping import source_name

SPELLINGS = [
    ("baltimore", "baltimore"),
    (" Baltimore ", "baltimore"),
    ("Baltimore.zip", "baltimore"),
    ("baltimore 2019", "baltimore-2019"),
    ("../../etc/passwd", "etc-passwd"),
    ("Guía de Ayuda", "guía-de-ayuda"),
    ("…", ""),
    ("", ""),
]


@pytest.mark.parametrize(("given", "name"), SPELLINGS)
def test_a_source_has_one_name_however_it_is_spelled(given: str, name: str) -> None:
    assert source_name(given) == name
    assert source_name(name) == name
