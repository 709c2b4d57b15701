from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.agencies.steps import PHONE, asked, text_in
from tests.loop.steps import deliver_texts


@pytest.mark.usefixtures("session")
def test_a_link_in_a_text_can_be_tapped_on_the_pretend_phone(client: FlaskClient) -> None:
    case = asked()
    deliver_texts()
    assert f'href="https://loopline.test{case.path}"' in client.get(f"/demo/phone/{PHONE.removeprefix('+1')}").text


@pytest.mark.usefixtures("session")
def test_the_list_of_phones_tells_them_apart_by_their_last_text(client: FlaskClient) -> None:
    asked()
    deliver_texts()
    assert "somebody asks for your help" in client.get("/demo/phones").text
    text_in("Thank you", PHONE)
    page = client.get("/demo/phones").text
    assert "Thank you" in page
    assert "somebody asks for your help" not in page
