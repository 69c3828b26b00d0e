"""FarmHash's Fingerprint64, compared with what Google's C++ gives (through its Python binding)."""

from __future__ import annotations

import pytest

from qa_bench.fetch.farmhash import fingerprint64

SONG = "who sang the song that opens the film of 1977"
KNOWN = {
    "": 11160318154034397263,
    "a": 12917804110809363939,
    "who": 18111496945197663903,
    "Who is it?": 6558761488492880128,
    "what is the name of it?": 12689882524614931559,
    f"{SONG}?": 18171327948244512138,
    f"{SONG}, and who wrote the words of the last one?": 3277064109977343230,
    "é日" * 60: 17857522178863277978,
}


@pytest.mark.parametrize("text", KNOWN)
def test_known_fingerprints(text: str) -> None:
    assert fingerprint64(text.encode()) == KNOWN[text]


def test_every_length_has_its_own() -> None:
    prints = [fingerprint64(b"x" * length) for length in range(300)]
    assert len(set(prints)) == 300
    assert all(0 <= value < 1 << 64 for value in prints)
