from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import session
from app.patients.models import Patient
from app.screening.models import Need, NeedStatus, Screening
from app.staff.models import StaffMember
from app.staff.permissions import Role
from tests.factories import follow, make_patient, make_screening, make_staff, sign_in

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def ana(worker: StaffMember) -> Patient:
    return make_patient(worker)


@pytest.fixture
def screening(ana: Patient, worker: StaffMember) -> Screening:
    return make_screening(ana, worker)


def answers_of(screening: Screening) -> dict[str, object]:
    session.expire_all()
    return dict(screening.answers)


def completed(client: FlaskClient, screening: Screening, answers: dict[str, str]) -> list[Need]:
    for code, answer in answers.items():
        client.post(f"/screenings/{screening.id}/{code}", data={"answer": answer})
    response = client.post(f"/screenings/{screening.id}/answers")
    assert response.location == f"/screenings/{screening.id}/needs"
    return list(session.scalars(select(Need).where(Need.screening_id == screening.id).order_by(Need.kind)))


def test_a_screening_starts_with_its_first_question(client: FlaskClient, ana: Patient) -> None:
    asked = client.post(f"/patients/{ana.id}/screenings")
    assert asked.location == f"/patients/{ana.id}/screenings"
    assert "Hunger Vital Sign" in follow(client, asked).get_data(as_text=True)

    begun = client.post(f"/patients/{ana.id}/screenings", data={"instrument": "loopline-core", "language": "en"})

    assert begun.location.endswith("/living-now")
    page = follow(client, begun).get_data(as_text=True)
    assert "Do you have a place to live?" in page
    assert "1 of 6" in page


def test_one_that_was_not_finished_goes_on_where_it_stopped(
    client: FlaskClient, ana: Patient, screening: Screening
) -> None:
    client.post(f"/screenings/{screening.id}/living-now", data={"answer": "steady"})

    again = client.post(f"/patients/{ana.id}/screenings", data={"instrument": "loopline-core"})

    assert again.location == f"/screenings/{screening.id}/food-worried"
    anew = client.post(f"/patients/{ana.id}/screenings", data={"instrument": "loopline-core", "anew": "yes"})
    assert str(screening.id) not in anew.location


def test_each_answer_is_kept_as_it_is_given(client: FlaskClient, screening: Screening) -> None:
    response = client.post(f"/screenings/{screening.id}/living-now", data={"answer": "may-lose"})

    assert response.location.endswith("/sleep-tonight")
    assert "2 of 7" in follow(client, response).get_data(as_text=True)
    assert answers_of(screening) == {"living-now": "may-lose"}


@pytest.mark.parametrize("way", ["back", "large", "small", "skip"])
def test_whichever_way_one_leaves_a_question_its_answer_is_kept(
    client: FlaskClient, screening: Screening, way: str
) -> None:
    client.post(f"/screenings/{screening.id}/food-worried", data={"answer": "often", "way": way})

    assert answers_of(screening) == {"food-worried": "often"}
    page = client.get(f"/screenings/{screening.id}/food-worried").get_data(as_text=True)
    assert re.search(r'value="often" checked', page)


def test_back_leads_to_the_question_before(client: FlaskClient, screening: Screening, ana: Patient) -> None:
    back = client.post(f"/screenings/{screening.id}/food-worried", data={"way": "back"})
    assert back.location == f"/screenings/{screening.id}/living-now"

    first = client.post(f"/screenings/{screening.id}/living-now", data={"way": "back"})
    assert first.location == f"/patients/{ana.id}"


def test_going_on_needs_an_answer_and_skipping_does_not(client: FlaskClient, screening: Screening) -> None:
    refused = client.post(f"/screenings/{screening.id}/living-now", data={})
    assert refused.status_code == 422
    assert "Choose an answer, or skip this question." in refused.get_data(as_text=True)

    skipped = client.post(f"/screenings/{screening.id}/living-now", data={"way": "skip"})
    assert skipped.location.endswith("/food-worried")


def test_an_answer_that_stands_alone_is_refused_beside_others(client: FlaskClient, screening: Screening) -> None:
    client.post(f"/screenings/{screening.id}/ride-missed", data={"answer": "yes"})

    refused = client.post(f"/screenings/{screening.id}/ride-to", data={"answer": ["health", "none"]})

    page = refused.get_data(as_text=True)
    assert refused.status_code == 422
    assert len(re.findall(r" checked>", page)) == 2
    assert "ride-to" not in answers_of(screening)
    client.post(f"/screenings/{screening.id}/ride-to", data={"answer": ["health", "work"]})
    assert answers_of(screening)["ride-to"] == ["health", "work"]


def test_it_is_handed_over_large_in_the_language_of_the_patient(client: FlaskClient, screening: Screening) -> None:
    large = client.post(f"/screenings/{screening.id}/food-worried", data={"way": "large"})

    page = follow(client, large).get_data(as_text=True)
    assert "question--large" in page
    assert 'lang="es"' in page
    assert "le preocupó no tener suficiente dinero" in page
    onward = client.post(large.location, data={"answer": "never"})
    assert onward.location.endswith("/food-ran-out?large=1")


def test_a_sensitive_question_is_never_handed_over_unasked(client: FlaskClient, screening: Screening) -> None:
    address = f"/screenings/{screening.id}/safe"

    handed_over = client.get(f"{address}?large=1").get_data(as_text=True)
    assert "salvo" not in handed_over
    assert "safe with the people" not in handed_over
    assert f'href="{address}"' in handed_over

    for_staff = client.get(address).get_data(as_text=True)
    assert "Ask only when the person is alone" in for_staff

    chosen = client.post(address, data={"way": "large"})
    large = follow(client, chosen).get_data(as_text=True)
    assert "está a salvo" in large
    assert "Pregunte solo si" not in large  # the note is for staff


def test_the_answers_are_looked_over_before_they_count(client: FlaskClient, screening: Screening) -> None:
    client.post(f"/screenings/{screening.id}/living-now", data={"answer": "steady"})
    client.post(f"/screenings/{screening.id}/safe", data={"answer": "not-always"})

    page = client.get(f"/screenings/{screening.id}/answers").get_data(as_text=True)

    assert "Yes, and I expect to stay there" in page
    assert "Not always" not in page  # somebody may look over one's shoulder
    assert "4 questions have no answer" in page

    changed = client.post(f"/screenings/{screening.id}/living-now?review=1", data={"answer": "none"})
    assert changed.location.endswith("/sleep-tonight?review=1")  # what follows from the change is asked
    returned = client.post(changed.location, data={"answer": "yes"})
    assert returned.location == f"/screenings/{screening.id}/answers"


def test_what_was_found_is_asked_about_and_leads_to_the_most_urgent(client: FlaskClient, screening: Screening) -> None:
    food, transport = completed(
        client, screening, {"food-worried": "often", "ride-missed": "yes", "food-today": "yes", "safe": "yes"}
    )
    page = client.get(f"/screenings/{screening.id}/needs").get_data(as_text=True)
    assert "We found 2 needs" in page
    assert "how often did you worry about having enough money for food" in page

    refused = client.post(f"/screenings/{screening.id}/needs", data={f"wants-{food.id}": "yes"})
    assert refused.status_code == 422
    assert f'href="#f-wants-{transport.id}"' in refused.get_data(as_text=True)

    answers = {
        f"wants-{food.id}": "yes",
        f"soon-{food.id}": "later",
        f"wants-{transport.id}": "yes",
        f"soon-{transport.id}": "today",
    }
    decided = client.post(f"/screenings/{screening.id}/needs", data=answers)

    assert decided.location == f"/needs/{transport.id}/matches"
    session.expire_all()
    assert (food.wants_help, food.urgent, transport.urgent) == (True, False, True)


def test_no_is_a_good_answer(client: FlaskClient, screening: Screening, ana: Patient) -> None:
    (food,) = completed(client, screening, {"food-worried": "often"})

    decided = client.post(f"/screenings/{screening.id}/needs", data={f"wants-{food.id}": "no"})

    assert decided.location == f"/patients/{ana.id}"
    session.expire_all()
    assert food.status is NeedStatus.DECLINES_HELP


def test_no_need_is_found_where_there_is_none(client: FlaskClient, screening: Screening) -> None:
    assert completed(client, screening, {"living-now": "steady", "food-worried": "never"}) == []
    assert "We found no needs" in client.get(f"/screenings/{screening.id}/needs").get_data(as_text=True)


def test_a_complete_screening_is_not_answered_again(client: FlaskClient, screening: Screening) -> None:
    completed(client, screening, {"food-worried": "never"})

    late = client.post(f"/screenings/{screening.id}/food-worried", data={"answer": "often"})

    assert late.location == f"/screenings/{screening.id}/needs"
    assert answers_of(screening) == {"food-worried": "never"}


def test_nobody_else_sees_a_screening(client: FlaskClient, screening: Screening) -> None:
    pages = ("living-now", "answers", "needs")

    sign_in(client, make_staff(name="Somebody else"))
    assert [client.get(f"/screenings/{screening.id}/{page}").status_code for page in pages] == [404, 404, 404]

    sign_in(client, make_staff(Role.AGENCY))
    assert [client.get(f"/screenings/{screening.id}/{page}").status_code for page in pages] == [403, 403, 403]
