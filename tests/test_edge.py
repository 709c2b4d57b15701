"""Answers take as few bytes as will do, and files are fetched once."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("address", ["/sign-in", "/static/loopline.css", "/static/loopline.js", "/api/v1/openapi.json"])
def test_what_is_worth_it_is_compressed_for_those_who_can_read_it(client: FlaskClient, address: str) -> None:
    plain = client.get(address, headers={"Accept-Encoding": "gzip;q=0"}, buffered=True)
    packed = client.get(address, headers=GZIP, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert {"Accept-Encoding"} <= plain.vary.as_set(preserve_casing=True) & packed.vary.as_set(preserve_casing=True)
    assert packed.content_length == len(packed.data) < plain.content_length / 2
    assert without_secrets(gzip.decompress(packed.data)) == without_secrets(plain.data)


def without_secrets(page: bytes) -> bytes:
    return re.sub(rb'name="csrf_token" value="[^"]*"', b"", page)


def test_a_file_is_kept_for_good_by_its_edition_whoever_is_signed_in(client: FlaskClient) -> None:
    page = client.get("/sign-in").text
    (address,) = re.findall(r'href="(/static/loopline\.css\?[^"]*)"', page)
    file = client.get(address, buffered=True)
    assert file.cache_control.immutable
    assert file.cache_control.max_age
    assert "Cookie" not in file.vary
    assert "Set-Cookie" not in file.headers


def test_a_file_asked_for_without_its_edition_is_asked_for_again(client: FlaskClient) -> None:
    file = client.get("/static/loopline.css", headers=GZIP, buffered=True)
    assert file.cache_control.no_cache
    known = {"If-None-Match": file.headers["ETag"]}
    again = client.get("/static/loopline.css", headers=GZIP | known, buffered=True)
    assert again.status_code == 304
    assert not again.data


def test_the_session_is_kept_for_https_where_it_came_that_way(client: FlaskClient) -> None:
    """And not refused where somebody tries it out at the printed address."""
    assert "Secure" in client.get("https://loopline.test/sign-in").headers["Set-Cookie"]
    assert "Secure" not in client.get("http://127.0.0.1:8000/sign-in").headers["Set-Cookie"]
