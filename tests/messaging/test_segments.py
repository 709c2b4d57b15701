from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.messaging.segments import count

SHARED = Path(__file__).parents[3] / "shared" / "reference" / "segment_vectors.json"


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", "GSM-7", 1),
        ("Did you get help? Reply 1 or 2.", "GSM-7", 1),
        # 160 alone, 153 in each part.
        ("n" * 160, "GSM-7", 1),
        ("n" * 161, "GSM-7", 2),
        ("n" * 306, "GSM-7", 2),
        ("n" * 307, "GSM-7", 3),
        # An escape costs a septet and stays with its letter.
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("n" * 152 + "€" + "n" * 151, "GSM-7", 2),
        ("n" * 152 + "€" + "n" * 152, "GSM-7", 3),
        # Letters of Spanish that are in the alphabet, and one that is not.
        ("¿Mañana? ¡Qué niño! Ü ö é", "GSM-7", 1),
        ("Está", "UCS-2", 1),
        ("Ç is in, ç is not", "UCS-2", 1),
        ("line\r\nbreak", "GSM-7", 1),
        # 70 alone, 67 in each part.
        ("ж" * 70, "UCS-2", 1),
        ("ж" * 71, "UCS-2", 2),
        ("ж" * 134, "UCS-2", 2),
        ("ж" * 135, "UCS-2", 3),
        # Neither halves of a surrogate pair nor parts of what is read as one letter are torn apart.
        ("ж" * 66 + "🚌" + "ж" * 66, "UCS-2", 3),
        ("ж" * 66 + "👍🏽" + "ж" * 64, "UCS-2", 3),
        ("ж" * 65 + "👩\u200d👧" + "ж" * 64, "UCS-2", 3),
        ("ж" * 66 + "🇭🇹" + "ж" * 64, "UCS-2", 3),
        ("ж" * 66 + "मि" + "ж" * 66, "UCS-2", 3),
        ("ж" * 66 + "\u1112\u1161\u11ab" + "ж" * 65, "UCS-2", 3),
    ],
)
def test_a_text_costs_what_the_provider_says(text: str, encoding: str, segments: int) -> None:
    counted = count(text)
    assert (counted.encoding, counted.segments) == (encoding, segments)


def test_the_letters_that_cost_are_named_once_each_as_they_are_read() -> None:
    assert count("Está aquí, está नमस्ते").offending == ("á", "í", "न", "म", "स्", "ते")
    assert count("Mañana").offending == ()


def test_units_are_septets_or_utf16() -> None:
    assert count("a€").units == 3
    assert count("я😀").units == 3


@pytest.mark.skipif(not SHARED.exists(), reason="the shared segment vectors are not here")
def test_the_shared_vectors() -> None:
    vectors = json.loads(SHARED.read_text(encoding="utf-8"))["vectors"]
    # We send with smart encoding off; one vector needs it on.
    wrong = [
        vector["id"]
        for vector in vectors
        if vector["id"] != "nbsp-smart"
        and (count(vector["text"]).encoding, count(vector["text"]).segments) != (vector["encoding"], vector["segments"])
    ]
    assert len(vectors) > 50
    assert wrong == []
