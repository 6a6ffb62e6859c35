"""Reading programs without running them: constants, names, flows, shell words, transcripts."""

from __future__ import annotations

import base64
import codecs
import json
import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.audit.code.interpret import UnreadableCodeError, interpret
from ptb_lite.audit.code.shell import read_shell
from ptb_lite.audit.code.values import Label, Site
from ptb_lite.audit.evidence.transcript import read_line
from ptb_lite.audit.text.views import hidden_texts

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOURCE_WORDS = st.sampled_from(
    ["def", "f", "(", "x", ")", ":", "\n", "return", "+", "'a'", "[", "]", "{", "}", "for", "in",
     "if", "else", "lambda", "import", "os", ".", "**", "%", "=", "==", "1", ",", "await", "class",
     "@", "~", "f'{x}'", "b'c'", "print(x)", "\n\n", "    ", "while True:", "with open(x) as y:",
     "try:", "except:", "*", "<<", "9999999999"]
)  # fmt: skip


def calls(source: str) -> dict[str, list[str]]:
    return {site.name: site.texts() for site in interpret(source).sites}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'a' + 'b' * 3", "abbb"),
        ("f'{1}-{\"x\"}'", "1-x"),
        ("'%s/%s' % ('a', 'b')", "a/b"),
        ("'{}/{b}'.format('a', b='c')", "a/c"),
        ("''.join(reversed('cba'))", "abc"),
        ("''.join(chr(ord(c) - 1) for c in 'bcd')", "abc"),
        ("bytes([97, 98]).decode()", "ab"),
        ("str(b'ab', 'utf-8') if 0 else 'ab'", "ab"),
        ("{'k': 'v'}['k'] + ['x', 'y'][-1]", "vy"),
        ("'a-b'.replace('-', '').upper().lower() + ' c'.strip()", "abc"),
        ("os.path.join('a', 'b')", "a/b"),
    ],
)
def test_constants(expression: str, text: str) -> None:
    assert text in calls(f"import os\nuse({expression})")["use"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60))
@FEW
def test_decoders_give_back_what_was_encoded(text: str) -> None:
    packed = base64.b64encode(text.encode()).decode()
    assert text in calls(f"import base64\nuse(base64.b64decode({packed!r}).decode())")["use"]
    turned = codecs.encode(text, "rot13")
    assert text in calls(f"import codecs\nuse(codecs.decode({turned!r}, 'rot13'))")["use"]
    assert text in calls(f"use({text[::-1]!r}[::-1])")["use"]


def test_labels_follow_what_is_made_of_data() -> None:
    source = (
        "def prepare(rows, extra):\n    out = []\n    for row in rows:\n"
        "        out.append({'t': row['q'].strip()})\n    return out\n"
        "data = load('x')\nother = load_safe('y')\n"
        "save(prepare(data, 1), a=1)\nkeep(other)\ncount(len(data))\n"
    )

    def label(site: Site) -> list[Label]:
        return [Label("x", site.line)] if site.name == "load" else []

    labels = {site.name: site.labels() for site in interpret(source, label=label).sites}
    assert labels["save"] == {Label("x", 6)}
    assert not labels["keep"]
    assert not labels["count"]


@given(st.lists(SOURCE_WORDS, max_size=60))
@FEW
def test_no_source_breaks_the_interpreter(words: list[str]) -> None:
    try:
        interpret(" ".join(words))
    except UnreadableCodeError:
        return


@given(st.text(max_size=300))
@FEW
def test_no_text_breaks_a_reader(text: str) -> None:
    read_shell(text)
    list(read_line(text, "t", 1))
    list(read_line(json.dumps({"type": "assistant", "message": text, "input": [text]}), "t", 1))
    hidden_texts(text.encode("utf-8", "replace"))


@given(st.binary(max_size=400))
@FEW
def test_no_bytes_break_the_views(data: bytes) -> None:
    hidden_texts(data)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), min_size=1
    )
)
@FEW
def test_quoted_words_come_back(words: list[str]) -> None:
    words = ["run", *(word for word in words if "$" not in word and "`" not in word)]
    # A separator is one here even when it was quoted: that only makes more commands.
    words = [word for word in words if "<<" not in word and not set(word) <= set(";&|()")]
    commands, _programs = read_shell(shlex.join(words))
    assert commands[0].words == tuple(words)


@given(st.lists(st.sampled_from(["ten", "stones", "into", "42", "sea", "on", "days"]), min_size=9))
@FEW
def test_views_find_what_was_packed(words: list[str]) -> None:
    text = " ".join(words)
    for packed in (base64.b64encode(text.encode()), text.encode().hex().encode()):
        hidden = hidden_texts(b'{"a": "' + packed + b'"}')
        assert hidden is not None
        assert text.encode() in hidden.text


def test_a_long_pipeline_is_carried_by_its_ends() -> None:
    commands, programs = read_shell("echo 1 | " + "cat x | " * 2000 + "tee y")
    assert len(commands) == 2002
    assert commands[-1].piped[:2] == ("echo", "1")
    assert commands[-1].piped[-2:] == ("cat", "x")
    # Not 4,002 words at the last and eight million in all.
    assert sum(len(command.piped) for command in commands) < 60 * len(commands)
    assert read_shell("echo " + "a " * 500 + "'print(1)' | python -")[1][0].source == "print(1)"
    assert programs == []
