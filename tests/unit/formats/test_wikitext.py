"""Wikitext to text: what stays, what goes, and that nothing takes longer than its length."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_bench.formats.wikitext import Cleaning, clean

REPAIRED = Cleaning(
    placeholders=False, quoted_italics=False, small_text=True, colon_links=True, residue=True
)
ALL = Cleaning(sections=True, lists=True, tables=True)

SAME_IN_BOTH = [
    ("", ""),
    ("Plain text.", "Plain text."),
    ("'''Mars''' is a planet.", "Mars is a planet."),
    ("'''''Mars''''' is.", "Mars is."),
    ("See [[Mars]] and [[Mars (planet)|the planet]]s.", "See Mars and the planets."),
    ("A [[file:a.jpg|thumb|The [[red]] planet, [[Mars|M]]]]b.", "A b."),
    ("[[Category:Planets]]\n[[Category:Red|*]]\nText", "Text"),
    ("One{{cite|a={{b|{{c}}}}}} two", "One two"),
    ("One {{{x|{{y}}}}}two", "One two"),
    ("Text {{never closed", "Text never closed"),
    ("Never opened}} text", "Never opened text"),
    ("Text [[never closed", "Text never closed"),
    ("a<!-- [[b]] {{ -->c", "ac"),
    ("a<!-- never closed", "a"),
    ('a<ref name="x">b {{c}} [[d]]</ref>e<ref name=x />f', "aef"),
    ("a<ref>never closed", "anever closed"),
    ("a<REF>b</Ref>c", "ac"),
    ("a <nowiki>[[b]] ''c'' {{d}}</nowiki>", "a [[b]] ''c'' {{d}}"),
    ("a<gallery>\nfile:b.jpg|c\n</gallery>d", "ad"),
    ("{|\n! a\n|-\n| b || c\n{| class=x\n| d\n|}\n|}\nText", "Text"),
    ("<table><tr><td>a</td></tr></table>Text", "Text"),
    ("One\n* item\n# item\n: indented\n; term\nTwo", "One\nTwo"),
    ("One.\n\n== Heading ==\nTwo.\n\n\n\n=== Deep ===\n\nThree.", "One.\n\nTwo.\n\nThree."),
    ("[http://a.b/c?d=e the label] and [https://a.b].", "the label and ."),
    ("[//a.b label] [mailto:a@b us]", "label us"),
    ("not a link [sic] [1]", "not a link [sic] [1]"),
    ("x &lt; y &amp; z&nbsp;km &#8211; &eacute;", "x < y & z\xa0km – é"),
    ("&lt;ref&gt;told, not meant&lt;/ref&gt;", "<ref>told, not meant</ref>"),
    ("a<br>b<br />c", "a b c"),
    ("<span style='x'>a</span> <u>b</u> <div>c <div>d</div> e</div>f", "a b f"),
    ("a <x and y> d", "a <x and y> d"),
    ("1 < 2 > 0", "1 < 2 > 0"),
    ("__NOTOC__\nText __TOC__", "Text"),
    ("Two   spaces  \nand an end ", "Two spaces\nand an end"),
    ("One\n***\n—\n!\nTwo", "One\nTwo"),
    ("Tab\there", "Tab\there"),
    ("Text\x00 with null", "Text\x00 with null"),
]


@pytest.mark.parametrize(("wikitext", "text"), SAME_IN_BOTH)
def test_markup(wikitext: str, text: str) -> None:
    assert clean(wikitext) == text
    assert clean(wikitext, REPAIRED) == text.replace(" .", ".")


@pytest.mark.parametrize(
    ("wikitext", "dpr", "repaired"),
    [
        ("''Mars'' is", '"Mars" is', "Mars is"),
        ("the ''[[Iliad]]''s", 'the "Iliad"s', "the Iliads"),
        ("H<sub>2</sub>O, km<sup>2</sup>", "HO, km", "H2O, km2"),
        ("a <math>x^{{2}}</math> <math>y</math>", "a formula_1 formula_2", "a"),
        ("<code>a = [[b]]</code>", "codice_1", "a = b"),
        ("See ''[[Star Trek: Voyager]]''.", 'See "".', "See Star Trek: Voyager."),
        ("See [[wikt:red|red]] it. [[de:Mars]]", "See it.", "See red it."),
        ("Of [[:Category:Red|reds]].", "Of .", "Of reds."),
        ("Aaron ({{a}} or {{b}}; {{c}}) was", "Aaron ( or ; ) was", "Aaron was"),
        ("Mars ({{a}}, meaning red) is", "Mars (, meaning red) is", "Mars (meaning red) is"),
        ("Of {{a}}, it", "Of , it", "Of, it"),
    ],
)
def test_what_dprs_extractor_did_and_what_is_better(wikitext: str, dpr: str, repaired: str) -> None:
    assert clean(wikitext) == dpr
    assert clean(wikitext, REPAIRED) == repaired


def test_what_is_kept_on_request() -> None:
    text = "\n".join(
        [
            "{{Infobox planet\n| name = Mars {{small|x}}\n| moons = 2\n| empty =\n}}",
            "'''Mars'''.",
            "== Moons ==",
            "* [[Phobos]]\n** Deimos",
            '{| class="wikitable"\n|+ Sizes\n! Moon !! km\n|-\n| style="x" | Phobos || 22\n'
            "|-\n| Deimos\n| 12\n|}",
        ]
    )
    assert clean(text) == "Mars."
    assert clean(text, ALL).split("\n") == [
        *("name: Mars", "moons: 2", "", "Mars.", "", "Moons", "Phobos", "Deimos"),
        *("Sizes", "Moon | km", "Phobos | 22", "Deimos | 12"),
    ]
    assert clean("a [[b|c]] [[File:x]]", Cleaning(links=True)) == "a [[b|c]] [[File:x]]"


# A page as a tree, with what a reader sees of it beside its source.

WORDS = st.sampled_from(["red", "planet", "Mars", "is", "of", "é", "日本"])


def _joined(pieces: list[tuple[str, str]]) -> tuple[str, str]:
    return " ".join(source for source, _ in pieces), " ".join(seen for _, seen in pieces)


def _around(before: str, after: str, seen: bool) -> object:
    return lambda inside: (f"{before}{inside[0]}{after}", inside[1] if seen else "")


INLINE = st.recursive(
    WORDS.map(lambda word: (word, word)),
    lambda deeper: st.one_of(
        [
            st.lists(deeper, min_size=1, max_size=4).map(_joined),
            deeper.map(_around("{{t|a=", "}}", False)),
            deeper.map(_around("<ref name=a>", "</ref>", False)).filter(
                lambda made: made[0].count("<ref") == 1
            ),
            deeper.map(_around("[[File:a.jpg|thumb|", "]]", False)),
            deeper.map(_around("[[Target|", "]]", True)),
            deeper.map(_around("<span>", "</span>", True)),
            deeper.map(_around("<div>", "</div>", False)),
            deeper.map(_around("\n{|\n| a\n|", "\n|}\n", False)),
        ]
    ),
    max_leaves=25,
)


@given(INLINE)
@settings(max_examples=150, deadline=None)
def test_of_balanced_markup_what_is_seen_stays_and_nothing_else(page: tuple[str, str]) -> None:
    source, seen = page
    assert clean(source).split() == seen.split()


SIGNS = st.sampled_from(
    ["{{", "}}", "{|", "|}", "|-", "|", "||", "!", "[[", "]]", "[", "]", "''", "'''", "'", "=",
     "==", "\n", "\n\n", "*", "#", ":", ";", " ", "<!--", "-->", "<ref>", "</ref>", "<ref/>",
     "<nowiki>", "</nowiki>", "<math>", "</math>", "<div>", "</div>", "<br>", "<table>", "</table>",
     "<", ">", "&amp;", "&#x", "&", "http://a ", "File:", "Category:", "(", ")", ",", " or ", '"',
     "{{Infobox", "a", "é", "\x00", "\U000f005b", "\xa0", "\u2028", "__TOC__", "{", "}"]
)  # fmt: skip
ANY = st.one_of(st.lists(SIGNS, max_size=60).map("".join), st.text(max_size=80))
HOWS = st.builds(Cleaning, *[st.booleans()] * 9)


@given(ANY, HOWS)
@settings(max_examples=500, deadline=None)
def test_any_text_is_cleaned(text: str, how: Cleaning) -> None:
    cleaned = clean(text, how)
    assert len(cleaned) <= 12 * len(text) + 12  # a placeholder is longer than its formula
    assert clean(text, how) == cleaned


HARD = [
    "{{", "{{{", "}}", "{{a|", "{{Infobox|a=", "[[", "[[a|", "[[File:a|", "]]", "[http://a ",
    "[http://", "<ref>", "<ref name=", "<ref/", "<!--", "<nowiki>", "<math>", "<div>", "<div ",
    "<table>", "{|\n", "{| ", "\n|}", "\n|a", "\n!a", "''", "'''", "'''''a ", "''\"a", "'''a''",
    "=", "=a", "\n=", "\n= a", "= \t", "(", "( or ", "(,", " ,", ", ", ",,", "\xa0", " ", "\n",
    "\n ", "&amp;", "&#", "&a", "__A", "_", "<", "<a", "a<", "|a=", "| = ", "{|\n|a\n|-\n", "\n*",
    "\n:;", "[ ", "[[:", "[[a:b|", "\n{|\n| a=b|",
]  # fmt: skip


@pytest.mark.parametrize("how", [Cleaning(), replace(REPAIRED, sections=True, tables=True)])
@pytest.mark.parametrize("piece", HARD)
def test_time_is_linear(piece: str, how: Cleaning) -> None:
    """200,000 signs of the hardest kind; at once where the pieces can nest, closed and open.

    What takes quadratic time takes minutes here.
    """
    many = piece * (200_000 // len(piece))
    start = time.process_time()
    for text in (many, f"{many}x", f"a {many}"):
        clean(text, how)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{{a|", "}}"), ("[[a|", "]]"), ("[[File:a|", "]]"), ("<div>", "</div>"), ("{|\n", "\n|}"),
        ("[[a|{{b|", "}}]]"), ("{{Infobox|a=", "}}"), ("''", "''"), ("(", ")"),
    ],
)  # fmt: skip
def test_ten_thousand_deep(before: str, after: str) -> None:
    for how in (Cleaning(), REPAIRED, ALL):
        start = time.process_time()
        cleaned = clean(f"Begin. {before * 10_000}x{after * 10_000}\nEnd.", how)
        assert time.process_time() - start < 5
        assert cleaned.startswith("Begin.")
        assert cleaned.endswith("End.")
        assert not {"{{", "}}", "[[", "]]", "<div>"} & {cleaned[at : at + 5] for at in range(99)}
