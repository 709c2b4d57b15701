"""Comparing names the way people do: without marks, case or punctuation."""

from __future__ import annotations

import re
import unicodedata


def fold(text: str) -> str:
    """`text` for comparing and finding: “Núñez-O’Neil” becomes “nunez oneil”.

    Marks are dropped only from Latin letters; in other scripts they are vowels.
    """
    if text.isascii():
        return re.sub(r"[\W_]+", " ", text.lower().replace("'", "")).strip()
    kept = []
    latin = False
    for char in unicodedata.normalize("NFKD", text.casefold()):
        if unicodedata.combining(char):
            if not latin:
                kept.append(char)
            continue
        latin = "LATIN" in unicodedata.name(char, "")
        kept.append(char)
    plain = unicodedata.normalize("NFC", "".join(kept)).replace("'", "").replace("’", "")
    return re.sub(r"[\W_]+", " ", plain).strip()
