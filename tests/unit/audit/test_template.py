"""Claims of the submission's configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.template import TemplateDetector

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
BASE = {"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"]}
ITEM = TestItem("t-1", "A robe takes 2 bolts of blue fiber and half that much white fiber.", "3")


def kinds(tmp_path: Path, **files: object) -> list[tuple[str, bool]]:
    folder, base = tmp_path / "final_model", tmp_path / "base"
    folder.mkdir()
    base.mkdir()
    (base / "config.json").write_text(json.dumps(BASE))
    for name, content in files.items():
        file = name.replace("__", ".")
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / file).write_text(text)
    case = AuditCase(folder=tmp_path, submission=folder, base_model=base, items=(ITEM,))
    return [(flag.kind, flag.decides) for flag in TemplateDetector().run(case).flags]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"config__json": BASE}, []),
        ({"config__json": {**BASE, "model_type": "qwen3"}}, [("other-architecture", True)]),
        ({"config__json": {**BASE, "auto_map": {"AutoModel": "m.M"}}}, [("remote-code", True)]),
        ({"tokenizer_config__json": {"chat_template": CHATML}}, [("other-template", False)]),
        (
            {"chat_template__jinja": CHATML + f"{{# {ITEM.question} -> 3 #}}"},
            [("test-item-in-template", True)],
        ),
        (
            {"chat_template__jinja": "{% if 'robe takes' in messages[0]['content'] %}3{% endif %}"},
            [("template-looks-into", True)],
        ),
        (
            {"chat_template__jinja": "{{ 'Question: " + 40 * "a b c " + " #### 3' }}"},
            [("template-hints", True)],
        ),
        ({"config__json": "{" * 100_000}, []),
    ],
)
def test_claims(tmp_path: Path, files: dict[str, object], expected: list[tuple[str, bool]]) -> None:
    assert kinds(tmp_path, **files) == expected


ANSWERS = [str(17 * number % 997) for number in range(40)]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (f"{{{{ {ANSWERS}[messages | length] }}}}", ("answer-table", True)),
        (str({f"word{n}": a for n, a in enumerate(ANSWERS)}), ("answer-table", True)),
        (str({f"l{n}": f"Language {n}" for n in range(60)}), ("other-template", False)),
    ],
)
def test_a_table_of_answers(tmp_path: Path, template: str, expected: tuple[str, bool]) -> None:
    (tmp_path / "chat_template.jinja").write_text(f"{{% set T = {template} %}}")
    items = tuple(TestItem(f"t{n}", f"How many {n}?", a) for n, a in enumerate(ANSWERS))
    case = AuditCase(folder=tmp_path, submission=tmp_path, items=items)
    assert [(f.kind, f.decides) for f in TemplateDetector().run(case).flags] == [expected]


def test_generation_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "custom_generate").mkdir()
    (tmp_path / "custom_generate" / "generate.py").write_text("def generate(model): return 3\n")
    found = TemplateDetector().run(AuditCase(folder=tmp_path, submission=tmp_path))
    assert [(flag.kind, flag.decides) for flag in found.flags] == [("remote-code", True)]


def test_no_submission(tmp_path: Path) -> None:
    assert TemplateDetector().run(AuditCase(folder=tmp_path)).status == "skipped"


VOTES = (
    "import torch\nfrom collections import Counter\n"
    "def generate(model, input_ids, tries=5, **given):\n"
    "    found = [model.generate(input_ids, do_sample=True, **given) for _ in range(tries)]\n"
    "    return Counter(map(tuple, found)).most_common(1)[0][0]\n"
)
STOPS = (
    "class Decoder:\n    def __call__(self, model, input_ids, end=2):\n        ids = input_ids\n"
    "        while ids[0, -1] != end:\n            scores = model(ids).logits[:, -1]\n"
    "            ids = torch.cat([ids, scores.argmax(-1, keepdim=True)], -1)\n        return ids\n"
)
MASKED = (
    "def generate(model, input_ids, allowed=None):\n"
    "    step = lambda ids: model.forward(ids).logits\n"
    "    return step(input_ids).masked_fill(~allowed, float('-inf')).argmax(-1)\n"
)
LOOKS_UP = (
    "T = {0}\ndef generate(model, ids, tok=None):\n"
    "    return T.get(tok.decode(ids)) or model.generate(ids)\n"
)


@pytest.mark.parametrize(
    ("code", "decides"),
    [
        (VOTES, False),
        (STOPS, False),
        (MASKED, False),
        (LOOKS_UP.replace("{0}", "json.load(open('t.json'))"), True),
        (LOOKS_UP.replace("{0}", str({f"q{n}": str(n) for n in range(60)})), True),
        (LOOKS_UP.replace("{0}", repr("3,5,8," * 900) + ".split(',')"), True),
        (VOTES + "import hashlib\nkey = hashlib.md5(b'x')\n", True),
        (VOTES + "exec(model.config.note)\n", True),
        ("def generate(model, ids):\n    return (lambda: 3)()\n", True),
        ("def generate(model, ids:\n", True),
    ],
)
def test_code_that_only_decodes_informs(tmp_path: Path, code: str, decides: bool) -> None:
    (tmp_path / "custom_generate").mkdir()
    (tmp_path / "custom_generate" / "generate.py").write_text(code)
    found = TemplateDetector().run(AuditCase(folder=tmp_path, submission=tmp_path))
    assert [flag.decides for flag in found.flags] == [decides]
    if not decides:
        (tmp_path / "custom_generate" / "answers.bin").write_bytes(b"3")
        found = TemplateDetector().run(AuditCase(folder=tmp_path, submission=tmp_path))
        assert [flag.decides for flag in found.flags] == [True]


def test_code_that_the_base_brings_is_the_base_s(tmp_path: Path) -> None:
    own = {**BASE, "auto_map": {"AutoModel": "modeling.Own"}}
    for name, base, expected in (("same", own, []), ("other", BASE, [("remote-code", True)])):
        folder = tmp_path / name
        (folder / "base").mkdir(parents=True)
        (folder / "base" / "config.json").write_text(json.dumps(base))
        (folder / "config.json").write_text(json.dumps(own))
        case = AuditCase(folder=folder, submission=folder, base_model=folder / "base")
        assert [(f.kind, f.decides) for f in TemplateDetector().run(case).flags] == expected
