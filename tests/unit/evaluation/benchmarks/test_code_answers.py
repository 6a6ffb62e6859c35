"""HumanEval: which code of a completion is run."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.benchmarks.humaneval.answer import extract, program

PROMPT = 'from typing import List\n\n\ndef double(x: int) -> int:\n    """ Twice x.\n    """\n'
BODY = "    return 2 * x\n"
WHOLE = "def double(x: int) -> int:\n    return 2 * x\n"


@pytest.mark.parametrize(
    "completion",
    [
        BODY,
        f"```python\n{WHOLE}```",
        f"```Python\n{WHOLE}```",
        f"```PYTHON\n{WHOLE}```",
        f"```py\n{WHOLE}```",
        f"```\n{WHOLE}```",
        f"```python\n{WHOLE}",
        f"Here it is:\n```python\n{WHOLE}```\nIt doubles.",
        f"First:\n```python\nprint(1)\n```\nThen:\n```python\n{WHOLE}```",
        f"```bash\nls\n```\n```python\n{WHOLE}```",
        "```python\nreturn 2 * x\n```",
        f"```python\n{BODY}```",
        f"<think>```python\ndef double(x):\n    return 0\n```</think>\n```python\n{WHOLE}```",
        f'```python title="double.py"\n{WHOLE}```',
        # A body, and the whole function again; another name, and then its own.
        f"    return 7 * x\n\n{WHOLE}",
        f"return 7 * x\n\n{WHOLE}",
        "```python\ndef twice(x):\n    return 2 * x\n\ndouble = twice\n```",
        # What stripping leaves of a body, a fence inside a list, imports out of habit.
        "return 2 * x",
        "y = 2 * x\n    return y\n",
        "for _ in range(1):\n        x = 2 * x\n    return x\n",
        "if x > 0:\n        return 2 * x\n    return 0\n",
        "```python\nfor _ in range(1):\n    x = 2 * x\nreturn x\n```",
        f"1. The code:\n   ```python\n   {WHOLE.replace(chr(10) + ' ', chr(10) + '    ')}   ```",
        f"- ```python\n  {WHOLE.replace(chr(10) + ' ', chr(10) + '   ')}  ```",
        f"```python\nimport numpy_not_here as np\n{WHOLE}```",
        f"import torch_not_here\n{WHOLE}",
        f"~~~python\n{WHOLE}~~~",
        f"````python\n{WHOLE}````",
        f"> ```python\n> {WHOLE.rstrip().replace(chr(10), chr(10) + '> ')}\n> ```",
        f"\ufeff{WHOLE}",
        "for _ in range(1):\n    x = 2 * x\nreturn x\n",
        "# twice\n    return 2 * x\n",
    ],
)
def test_the_function_is_found(completion: str) -> None:
    text = program(PROMPT, completion, "double")
    assert text is not None
    namespace: dict[str, object] = {}
    exec(compile(text, "<test>", "exec"), namespace)  # noqa: S102 (our own text above)
    double = namespace["double"]
    assert callable(double)
    assert double(21) == 42
    assert "List" in namespace


@pytest.mark.parametrize("completion", ["", " \n", "```python\n```", "<think>x</think>"])
def test_no_code_is_no_answer(completion: str) -> None:
    assert extract(completion, "double") is None
    assert program(PROMPT, completion, "double") is None


def test_helpers_of_the_prompt_stay() -> None:
    prompt = f"def helper():\n    return 2\n\n\n{PROMPT}"
    text = program(prompt, "```python\ndef double(x):\n    return helper() * x\n```", "double")
    assert text is not None
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert names == ["helper", "double"]


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = extract(text, "double")
    assert found is None or found.strip()
    made = program(PROMPT, text, "double")
    assert (made is None) == (found is None)
