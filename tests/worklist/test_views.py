from __future__ import annotations

from flask.testing import FlaskClient

from tests.factories import make_patient, make_staff, sign_in


def test_a_day_without_work_offers_the_first_step(client: FlaskClient) -> None:
    sign_in(client, make_staff())
    page = client.get("/today").text
    assert "Nothing needs you now" in page
    assert "/patients" in page


def test_patient(client: FlaskClient) -> None:
    maya = make_staff()
    ana = make_patient(maya)
    sign_in(client, maya)
    page = client.get(f"/patients/{ana.id}")
    assert page.status_code == 200
