"""Names as they sound, so that one name written in Latin, Arabic or Cyrillic letters is found by any of its spellings.

Every word of a name becomes its *sound*: its consonants in a small alphabet, because Arabic letters leave out short
vowels and every transliteration writes the long ones in its own way. Letters that transliterations confuse share a
sign: ``h`` for h, kh and x; ``k`` for k, q and c; ``f`` for the v, f or w at the end of -ov and -ev. An initial vowel
is kept as ``A``, an initial y as ``Y``, an initial v or w as ``V``; elsewhere v and w are left out, because the letter
و is one as often as a vowel. So Мухаммад, Mohammed and محمد are all ``mhmd``.

Where both names have written vowels, those count too (``Spelling.letters``): Ahmad and Hamid differ, as احمد and حمید
do by their first letter.

What this module decides: letters, sounds, and which words say nothing. What it leaves to ``names``: how much of a name
has to be alike. The tables cover Arabic, Urdu, Persian, Dari, Pashto and Uyghur letters; Russian, Kazakh, Kyrgyz,
Tajik, Uzbek and Turkmen ones.
"""

import re
import unicodedata
from typing import Final, NamedTuple

# Arabic script: sound of each letter; "" for what is a vowel or silent. A leading vowel letter is handled apart.
_ARABIC: Final = {
    **dict.fromkeys("بٻ", "b"), "پ": "p", **dict.fromkeys("تةطٹټ", "t"), **dict.fromkeys("ثسصښ", "s"),
    **dict.fromkeys("جژځ", "j"), **dict.fromkeys("چڅ", "c"), **dict.fromkeys("حخهہھۀەۂ", "h"),
    **dict.fromkeys("دڈډض", "d"), **dict.fromkeys("ذزظږ", "z"), **dict.fromkeys("رڑړ", "r"), "ش": "x",
    **dict.fromkeys("غگګڭ", "g"), **dict.fromkeys("فڤ", "f"), **dict.fromkeys("قكک", "k"), "ل": "l", "م": "m",
    **dict.fromkeys("نںڼ", "n"), **dict.fromkeys("اأإآٱعوۋؤيیىئےېۍۇۆۈء", ""),
}  # fmt: skip
_CYRILLIC: Final = {
    "а": "a", "ә": "a", "б": "b", "в": "v", "г": "g", "ғ": "g", "ґ": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh",
    "җ": "j", "ҷ": "j", "з": "z", "и": "i", "й": "y", "ӣ": "i", "і": "i", "ї": "i", "к": "k", "қ": "q", "л": "l",
    "м": "m", "н": "n", "ң": "n", "о": "o", "ө": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ү": "u",
    "ұ": "u", "ӯ": "u", "ў": "o", "ф": "f", "х": "kh", "ҳ": "h", "һ": "h", "ц": "s", "ч": "ch", "ш": "sh",
    "щ": "sh", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}  # fmt: skip
_LATIN: Final = {
    "ə": "a", "ı": "i", "ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "t", "ŋ": "n",
}  # fmt: skip
"""Latin letters that do not decompose into a plain one."""
_SOUNDS: Final = (
    ("dzh", "j"), ("tch", "c"), ("sch", "x"), ("kh", "h"), ("gh", "g"), ("sh", "x"), ("ch", "c"), ("zh", "j"),
    ("dj", "j"), ("ph", "f"), ("th", "t"), ("ts", "s"), ("ck", "k"), ("x", "h"), ("q", "k"),
)  # fmt: skip
"""Spellings of one consonant in Latin letters, longer ones first. ``x`` is kh in Uzbek."""
_PLAIN: Final = {
    "b": "b", "c": "k", "d": "d", "f": "f", "g": "g", "h": "h", "j": "j", "k": "k", "l": "l", "m": "m", "n": "n",
    "p": "p", "r": "r", "s": "s", "t": "t", "z": "z",
}  # fmt: skip
_VOWELS: Final = frozenset("aeiouy")
_INITIAL_Y: Final = frozenset("يی")
_WAW: Final = frozenset("وۋ")
_INITIAL: Final = frozenset("اأإآٱعئ")
_ARTICLE: Final = "ال"
_SILENT: Final = frozenset(
    ("al", "el", "ul", "ud", "ur", "us", "as", "ad", "bin", "ben", "ibn", "bint", "oglu", "ogly", "ugli", "uly", "kyzy",
     "qizi", "mr", "mrs", "ms", "dr", "mullah", "mulla", "maulvi", "mawlawi", "maulana", "haji", "hajji", "hadji",
     "sheikh", "shaikh", "sayyid", "syed", "sayed", "بن", "ابن", "ملا", "مولوی", "حاجی", "حاجي", "شیخ", "سید", "оглы",
     "кызы", "улы", "угли", "кизи", "мулла", "мавлави", "хаджи", "шейх", "сайид", "llc", "ltd", "ooo", "ооо", "тоо",
     "оао", "зао", "company", "co", "inc", "pvt", "limited", "the", "of", "and")
)  # fmt: skip
"""Words that titles, articles and legal forms add and leave out at will: they say nothing of who it is."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_APOSTROPHES: Final = re.compile("[’‘ʻʼ`´'\u200c\u200d]")
_FINAL_V: Final = re.compile("(?:v|w|ff?)(?=[aeiouy]*$)")
_FINAL_WAW: Final = re.compile("(?<=.)(?:وف|ف|وا|وو)$")
_JOINED: Final = re.compile(r"[-‐‑]")
_DIN: Final = "dn"
_ABD: Final = "Abd"
_DIN_WORD_MIN: Final = 4
WORDS_MAX: Final = 12


_COMMON: Final = frozenset(
    (_ABD, _DIN, "mhmd", "Ahmd", "Al", "hn", "xh", "bgm", "bb", "hsn", "glm", "hdr", "Akbr", "xr")
)  # fmt: skip
"""Sounds of Abd, Din, Muhammad, Ahmad, Ali, Khan, Shah, Begum, Bibi, Hasan and Husain, Ghulam, Haidar, Akbar, Sher:
words that millions share."""


class Spelling(NamedTuple):
    """One word of a name.

    Attributes:
        text: as written, in lower case.
        sound: see the module; never "".
        letters: in plain Latin letters, or "" for Arabic script, which does not write its vowels.
    """

    text: str
    sound: str
    letters: str


def weight(spelling: Spelling) -> int:
    """How much a word says of who it is: 1 for one that millions share, else 3."""
    return 1 if spelling.sound in _COMMON else 3


def spell(name: str) -> tuple[Spelling, ...]:
    """Take a name apart into the words that say who it is; at most ``WORDS_MAX``."""
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name)).casefold()
    # Cyrillic й and ё decompose too; composed again they are letters of their own, and only loose marks go.
    marked = unicodedata.normalize("NFC", plain)
    words = _WORD.findall(_JOINED.sub(" ", "".join(one for one in marked if not unicodedata.combining(one))))
    found: list[Spelling] = []
    for word in words:
        if word not in _SILENT:
            found += _spellings(word)
    return tuple(found[:WORDS_MAX])


def _spellings(word: str) -> list[Spelling]:
    arabic = any(letter in _ARABIC for letter in word)
    letters = "" if arabic else _romanised(word)
    sound = _arabic_sound(word) if arabic else _sound(letters)
    return [Spelling(word, part, letters if part == sound else "") for part in _parts(sound)]


def _romanised(word: str) -> str:
    out = []
    for letter in word:
        if letter in _CYRILLIC:
            out.append(_CYRILLIC[letter])
        else:
            base = unicodedata.normalize("NFKD", letter)[0]
            out.append(_LATIN.get(base, base if base.isascii() else ""))
    return "".join(out)


def _sound(letters: str) -> str:
    if not letters:
        return ""
    first = letters[0]
    start = "Y" if first == "y" and letters[1:2] in _VOWELS else "A" if first in _VOWELS else ""
    start = "V" if first in "vw" else start
    letters = first + _FINAL_V.sub("F", letters[1:])
    for spelling, sign in _SOUNDS:
        letters = letters.replace(spelling, sign.upper())
    signs, last = [], ""
    for letter in letters:
        sign = letter.lower() if letter.isupper() else _PLAIN.get(letter, "")
        # A doubled consonant is one; the same consonant after a vowel is another.
        if sign and letter != last:
            signs.append(sign)
        last = letter
    return _end(start + "".join(signs))


def _arabic_sound(word: str) -> str:
    if word.startswith(_ARTICLE) and len(word) > len(_ARTICLE) + 2:
        word = word[len(_ARTICLE) :]
    first = word[0]
    start = "A" if first in _INITIAL else ""
    if len(word) > 1 and first in _INITIAL_Y:
        start = "Y"
    if len(word) > 1 and first in _WAW:
        start = "V"
    ending = _FINAL_WAW.search(word)
    stem = word if ending is None else word[: ending.start()]
    sound = start + "".join(_ARABIC.get(letter, "") for letter in stem)
    return sound + "f" if ending is not None else _end(sound)


def _end(sound: str) -> str:
    """A final h is silent as often as not: Fatima, Fatimah, فاطمه."""
    return sound[:-1] if sound.endswith("h") and len(sound) > 2 else sound  # noqa: PLR2004 - "Ah" has nothing else


def _parts(sound: str) -> list[str]:
    """Words that are written together or apart: Abdul Rahman, Abdurrahman; Jalal ud-Din, Jalaluddin."""
    if not sound:
        return []
    if sound.startswith(_ABD) and len(sound) > len(_ABD):
        rest = sound[len(_ABD) :].removeprefix("l")
        return [_ABD, rest] if rest else [_ABD]
    if sound.endswith(_DIN) and len(sound) >= _DIN_WORD_MIN:
        return [sound[: -len(_DIN)], _DIN]
    return [sound]
