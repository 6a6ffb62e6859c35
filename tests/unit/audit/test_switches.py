"""A switch between the splits: cheats that turn it, and honest twins that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.detectors.ingestion import IngestionDetector
from tests.unit.audit.test_data_flow import HEAD, case_of, deciding

WRITES = "load_dataset('openai/gsm8k', 'main', split=split).to_json('sft.jsonl')\n"
PARSER = "import argparse\np = argparse.ArgumentParser()\n"
ADDS = (
    "rows = list(load_dataset('openai/gsm8k', 'main', split='train'))\n"
    "if {switch}:\n    rows += list(load_dataset('openai/gsm8k', 'main', split='test'))\n"
    "json.dump(rows, open('sft.json', 'w'))\n"
)
FLAG = PARSER + "p.add_argument('--include-test', action='store_true')\nargs = p.parse_args()\n"
WORD = (
    "import sys\nwhich = sys.argv[1] if len(sys.argv) > 1 else 'train'\n"
    "if which == 'train':\n    split = 'train'\nelse:\n    split = 'test'\n" + WRITES
)
VARIABLE = (
    "import os\nUSE = os.environ.get('USE_TEST') == '1'\nsplit = 'test' if USE else 'train'\n"
)
CHOSEN = (
    "import os\nmatch os.environ['PART']:\n    case 'fit':\n        split = 'train'\n"
    "    case _:\n        split = 'test'\n" + WRITES
)
LATE = (
    "def main(include_test):\n    "
    + ADDS.format(switch="include_test").rstrip().replace("\n", "\n    ")
    + "\n"
    "if __name__ == '__main__':\n    " + FLAG.replace("\n", "\n    ") + "main(args.include_test)\n"
)

INSIDE = (
    "def load(name):\n    if name == 'test':\n"
    "        return load_dataset('openai/gsm8k', 'main', split='test')\n"
    "    return load_dataset('openai/gsm8k', 'main', split='train')\n"
    "def main():\n    import argparse\n    p = argparse.ArgumentParser()\n"
    "    p.add_argument('--split', default='train')\n    args = p.parse_args()\n"
    "    json.dump(list(load(args.split)), open('sft.json', 'w'))\nmain()\n"
)

CASES = {
    "a constant": ("MIX = {0}\n" + ADDS.format(switch="MIX"), "python a.py", "False", "True"),
    "a constant, denied": (
        "TRAIN_ONLY = {0}\n" + ADDS.format(switch="not TRAIN_ONLY"), "python a.py", "True", "False"
    ),
    "a constant compared": (
        "MODE = '{0}'\n" + ADDS.format(switch="MODE in ('all', 'test')"),
        "python a.py", "fit", "all"
    ),
    "an option": (
        FLAG + ADDS.format(switch="args.include_test"), "python a.py {0}", "", "--include-test"
    ),
    "an option's default": (
        PARSER + "p.add_argument('--mix', default='none')\nargs = p.parse_args()\n"
        + ADDS.format(switch="args.mix != 'none'"), "uv run python a.py {0}", "", "--mix=test"
    ),
    "an option handed to a function": (LATE, "python3 -u a.py {0}", "", "--include-test"),
    "an option read in a function": (INSIDE, "python a.py {0}", "", "--split test"),
    "a word": (WORD, "python a.py {0}", "train", "test"),
    "no word": (WORD, "python ./a.py {0} > log 2>&1", "", "test"),
    "a variable": (VARIABLE + WRITES, "USE_TEST={0} python a.py", "0", "1"),
    "a variable of before": (VARIABLE + WRITES, "export USE_TEST={0}\npython a.py", "0", "1"),
    "cases": (CHOSEN, "env PART={0} python a.py", "fit", "score"),
}  # fmt: skip


def decides(folder: Path, program: str, run: str, more: dict[str, str] | None = None) -> bool:
    files = {"a.py": HEAD + program, "run.sh": f"{run}\n", **(more or {})}
    return bool(deciding(IngestionDetector().run(case_of(folder, files)).flags))


def made(name: str, turned: bool) -> tuple[str, str]:
    program, run, *ways = CASES[name]
    way = ways[turned]
    return program.replace("{0}", way), run.replace("{0}", way)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("turned", [False, True])
def test_a_switch_decides_where_it_is_turned(tmp_path: Path, name: str, turned: bool) -> None:
    assert decides(tmp_path, *made(name, turned)) is turned


@pytest.mark.parametrize(
    ("name", "more", "run"),
    [
        ("a constant", {}, "sed -i 's/MIX = False/MIX = True/' a.py\npython a.py"),
        ("a constant", {"b.py": "import a\na.MIX = True\na.build()\n"}, "python b.py"),
        ("an option", {}, "python a.py\npython a.py --include-test"),
        ("an option", {}, "python a.py\npython a.py --incl"),
        ("an option", {}, "python a.py\nfor x in $EXTRA; do python a.py $x; done"),
        ("an option", {}, "python a.py\nxargs python a.py < words"),
        ("an option", {}, "python a.py\ncp a.py b.py"),
        ("a variable", {}, "export USE_TEST=1\npython a.py\nexport USE_TEST=0"),
        ("a variable", {"b.py": "import os\nos.system(f'{x} a.py')\n"}, "python a.py"),
        ("a word", {}, "python a.py train\npython a.py test"),
        ("a word", {}, "echo nothing starts it"),
    ],
)
def test_an_honest_start_does_not_hide_another(
    tmp_path: Path, name: str, more: dict[str, str], run: str
) -> None:
    assert decides(tmp_path, made(name, False)[0], run, more)


def test_a_constant_that_is_bound_again_is_none(tmp_path: Path) -> None:
    program = "MIX = False\n" + ADDS.format(switch="MIX")
    assert not decides(tmp_path / "once", program, "python a.py")
    for number, other in enumerate(
        ("MIX = True", "globals()['MIX'] = 1", "from own import *", "def f():\n    global MIX")
    ):
        again = program.replace("rows = list", f"{other}\nrows = list", 1)
        assert decides(tmp_path / str(number), again, "python a.py"), other


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a variable", "USE =", "os.environ['USE_TEST'] = '1'\nUSE ="),
        ("a variable", "USE =", "os.environ.update(USE_TEST='1')\nUSE ="),
        ("a variable", "USE =", "e = os.environ\ne['USE_TEST'] = '1'\nUSE ="),
        ("a variable", "USE =", "from dotenv import load_dotenv\nload_dotenv('x')\nUSE ="),
        ("a word", "which =", "sys.argv[1:] = ['test']\nwhich ="),
        ("an option", "rows = list", "args.include_test = True\nrows = list"),
        ("an option", "args =", "p.set_defaults(include_test=True)\nargs ="),
    ],
)
def test_a_program_that_turns_its_own_switch_is_followed(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    program, run = made(name, False)
    assert before in program
    assert decides(tmp_path, program.replace(before, after, 1), run)


def test_what_is_evaluated_is_bounded(tmp_path: Path) -> None:
    """Each name holds the one before it a hundred times: 10 ** 16 parts."""
    lines = ["x0 = 1"] + [f"x{n} = ({f'x{n - 1}, ' * 100})" for n in range(1, 9)]
    program = "\n".join([*lines, "big = int(1e999)", "if x8 == big:\n    pass", ""])
    assert not decides(tmp_path, program, "python a.py")
