"""-{…}-: one variant's text."""

from __future__ import annotations

import time

import pytest

from qa_bench.formats.mediawiki_site import Site
from qa_bench.formats.wikitext import Cleaning, clean
from qa_bench.formats.wikitext_variants import one_variant


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("这是-{zh-hans:计算机;zh-hant:電腦}-的。", "这是计算机的。"),
        ("-{zh-hant:電腦; zh-hans:计算机;}-", "计算机"),
        ("-{zh-tw:電腦;zh-cn:计算机;zh-hk:電腦}-", "计算机"),
        ("-{zh-hk:電腦;zh-tw:電腦二}-", "電腦二"),
        ("-{zh:中文}-", "中文"),
        ("-{ZH-HANS : 计算机 }-", "计算机"),
        ("-{纯文本}-", "纯文本"),
        ("-{}-", ""),
        ("-{a;b}-", "a;b"),
        ("-{http://a.b/;c}-", "http://a.b/;c"),
        ("a-{T|zh-hans:标题;zh-hant:標題}-b", "ab"),
        ("a-{H|zh-hans:计算机;zh-hant:電腦}-b", "ab"),
        ("a-{A|zh-hans:计算机;zh-hant:電腦}-b", "a计算机b"),
        ("a-{a;t|zh-hans:计算机;zh-hant:電腦}-b", "a计算机b"),
        ("a-{-|zh-hans:计算机;zh-hant:電腦}-b", "ab"),
        ("a-{D|zh-hans:计算机;zh-hant:電腦}-b", "ab"),
        ("-{R|zh-hans:raw}-", "zh-hans:raw"),
        ("-{zh-hans;zh-cn|词}-", "词"),
        ("-{H|巨集=>zh-cn:宏;}-x", "x"),
        ("-{巨集=>zh-cn:宏}-", "宏"),
        ("-{zh-hans:a&nbsp;b;zh-hant:c}-", "a&nbsp;b"),
        ("-{zh-hans:[[计算机|机]];zh-hant:[[電腦]]}-", "[[计算机|机]]"),
        ("-{zh-hans:外-{zh-hans:内;zh-hant:裡}-;zh-hant:x}-", "外内"),
        ("-{zh-hans:;zh-hant:x}-", ""),
        ("-{never closed", "never closed"),
        ("never opened}-", "never opened}-"),
        ("a-b {c} - {d}", "a-b {c} - {d}"),
    ],
)
def test_chinese(markup: str, text: str) -> None:
    assert one_variant(markup, "zh") == text
    assert one_variant(markup, "zh-hant") == text
    assert one_variant(markup, "en") == markup
    assert one_variant(markup, "") == markup


@pytest.mark.parametrize(
    ("markup", "language", "text"),
    [
        ("-{sr-el:Beograd;sr-ec:Београд}-", "sr", "Београд"),
        ("-{Windows}-", "sr", "Windows"),
        ("-{kk-latn:a;kk-cyrl:б}-", "kk", "a"),
        ("-{ike-cans:ᐃ;ike-latn:i}-", "iu", "ᐃ"),
    ],
)
def test_other_languages(markup: str, language: str, text: str) -> None:
    assert one_variant(markup, language) == text


def test_within_a_page() -> None:
    site = Site("zh")
    page = (
        "{{noteTA|1=zh-hans:a;zh-hant:b}}'''-{zh-hans:计算机;zh-hant:電腦}-'''"
        "<nowiki>-{zh-hans:a}-</nowiki>\n{|\n| -{H|}-\n|}\n-{zh-hans:[[甲|乙]];zh-hant:丙}-丁"
    )
    assert clean(page, Cleaning(), site) == "计算机-{zh-hans:a}-\n\n乙丁"
    assert clean("1999-{{CURRENTYEAR}}-", Cleaning(), site) == "1999--"


@pytest.mark.parametrize("unit", ["-{", "}-", "-{zh:", "-{zh-hans:a;", "-{A|", ";", "-{a}-", "=>"])
def test_time_is_linear(unit: str) -> None:
    start = time.process_time()
    one_variant("-{zh-hans:" + unit * 100_000 + "}-" * 1000, "zh")
    one_variant(unit * 100_000 + "}-" * 100_000, "zh")
    assert time.process_time() - start < 5
