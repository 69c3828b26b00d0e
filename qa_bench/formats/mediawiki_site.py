"""What a dump says of its wiki before the first page: language, and the names of namespaces."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

ARTICLES, MEDIA, FILE, CATEGORY = 0, -2, 6, 14
_ENGLISH: Mapping[str, int] = {
    "media": -2, "special": -1, "talk": 1, "user": 2, "user talk": 3, "project": 4,
    "project talk": 5, "file": 6, "image": 6, "file talk": 7, "image talk": 7, "mediawiki": 8,
    "mediawiki talk": 9, "template": 10, "template talk": 11, "help": 12, "help talk": 13,
    "category": 14, "category talk": 15,
}  # fmt: skip
"""Names that every wiki takes, whatever its language (MediaWiki's canonical namespaces)."""
_OLDER_FILES: Mapping[str, str] = {
    "ar": "صورة", "ca": "Imatge", "cs": "Soubor", "da": "Billede", "de": "Bild", "el": "Εικόνα",
    "eo": "Dosiero", "es": "Imagen", "eu": "Irudi", "fa": "پرونده", "fi": "Kuva", "he": "תמונה",
    "hu": "Kép", "id": "Gambar", "it": "Immagine", "ja": "画像", "ko": "그림", "nl": "Afbeelding",
    "no": "Bilde", "pl": "Grafika", "pt": "Imagem|Arquivo|Ficheiro", "ro": "Imagine",
    "ru": "Изображение", "sr": "Слика|Slika|Datoteka", "sv": "Bild", "tr": "Resim",
    "uk": "Зображення", "vi": "Hình", "zh": "文件|檔案|档案|图像|圖像|图片|圖片",
}  # fmt: skip
_OLDER_CATEGORIES: Mapping[str, str] = {"sr": "Категорија|Kategorija", "zh": "分类|分類"}
"""Other names of files and categories by language: aliases that a dump does not list, still met in
old articles (``namespaceAliases`` of MediaWiki's messages)."""
_HEAD_BYTES = 1 << 20
_LANGUAGE = re.compile(r"<mediawiki\b[^<>]*?\bxml:lang\s*=\s*[\"']([A-Za-z-]{2,35})[\"']")
_DBNAME = re.compile(r"<dbname>\s*([a-z_]{2,35}?)wik[a-z]*\s*</dbname>")
_NAMESPACE = re.compile(
    r"<namespace\b[^<>]*?\bkey\s*=\s*[\"'](-?\d{1,6})[\"'][^<>]*(?<!/)>([^<]*)<"
)


@dataclass(frozen=True)
class Site:
    """A wiki, as far as its pages cannot be read without.

    Attributes:
        language: of its content, as "zh" or "sr-ec"; empty where the dump does not say.
        names: (name, key) of namespaces beside the English ones, in lower case.
    """

    language: str = ""
    names: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, head: bytes) -> Site:
        """What stands before the first page: ``xml:lang``, ``<dbname>`` and ``<namespaces>``."""
        text = head[:_HEAD_BYTES].decode("utf-8", "replace")
        named = _LANGUAGE.search(text) or _DBNAME.search(text)
        language = named[1].lower().replace("_", "-") if named else ""
        base = language.partition("-")[0]
        names = {
            **dict.fromkeys(_OLDER_FILES.get(base, "").split("|"), FILE),
            **dict.fromkeys(_OLDER_CATEGORIES.get(base, "").split("|"), CATEGORY),
            **{html.unescape(name): int(key) for key, name in _NAMESPACE.findall(text)},
        }
        plain = {_plain(name): key for name, key in names.items()}
        new = {name: key for name, key in plain.items() if name and _ENGLISH.get(name) != key}
        return cls(language, tuple(new.items()))

    def namespace(self, title: str) -> int:
        """The key of a title's namespace; 0 for an article, also one with a colon in its title."""
        prefix, colon, _ = title.partition(":")
        if not colon:
            return ARTICLES
        name = _plain(prefix)
        return dict(self.names).get(name, _ENGLISH.get(name, ARTICLES))

    def not_shown(self) -> re.Pattern[str]:
        """Begins links that show no text: of files, media and categories."""
        return _beginning(self.names)


ENGLISH = Site()
"""A wiki of which nothing is known: the English names hold."""


@lru_cache(maxsize=64)
def _beginning(names: tuple[tuple[str, int], ...]) -> re.Pattern[str]:
    hidden = [name for name, key in names if key in (MEDIA, FILE, CATEGORY)]
    words = ["file", "image", "media", "category", *hidden]
    either = "|".join(re.escape(word).replace(r"\ ", "[ _]+") for word in words)
    return re.compile(rf"\s*(?:{either})\s*:", re.I)


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).lower()
