from __future__ import annotations

import pytest

from app.patients import operations
from app.patients.models import ConsentKind


@pytest.mark.parametrize("kind", ConsentKind)
def test_there_are_words_to_read_out_for_each_consent(kind: ConsentKind) -> None:
    wording = operations.words_to_read(kind)

    assert {"en", "es"} <= wording.texts.keys()
    assert wording.drafts <= wording.texts.keys()


def test_who_speaks_another_language_hears_english_through_an_interpreter() -> None:
    wording = operations.words_to_read(ConsentKind.SHARE)

    assert (wording.language_for("es"), wording.language_for("vi")) == ("es", "en")
