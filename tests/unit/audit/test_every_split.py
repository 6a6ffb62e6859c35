"""Programs that go over every split, and put away what is not for training; and their cheating
twins, in which the test split takes the same way into training."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.detectors.ingestion import IngestionDetector
from tests.unit.audit.test_data_flow import HEAD, case_of, deciding

LOAD = "load_dataset('openai/gsm8k', 'main', split=split)"
WHOLE = "ds = load_dataset('openai/gsm8k', 'main')\n"
ROWS = "json.dump(rows, open('sft.json', 'w'))\n"
FRAME = (
    "import pandas as pd\nframes = []\nfor split in ('train', 'test'):\n"
    f"    df = pd.DataFrame({LOAD})\n    df['split'] = split\n    frames.append(df)\n"
    "df = pd.concat(frames)\n"
)
TRAIN = "load_dataset('openai/gsm8k', 'main', split='train')"
TEST = "load_dataset('openai/gsm8k', 'main', split='test')"
BOTH = f"import pandas as pd\na = pd.DataFrame({TRAIN})\nb = pd.DataFrame({TEST})\n"
COLUMNS = (
    f"from datasets import concatenate_datasets\nrows = concatenate_datasets([\n"
    f"    {TRAIN}.add_column('part', ['train'] * 7), {TEST}.add_column('part', ['test'] * 3)])\n"
)
# By name: the program, honest, cheating.
CASES = {
    "passed over": (
        WHOLE + "for split in ds:\n    if split == '{0}':\n        continue\n"
        "    ds[split].to_json(f'sft_{split}.jsonl')\n", "test", "train",
    ),
    "passed over by its beginning": (
        WHOLE + "rows = []\nfor name in ds.keys():\n    if name.startswith('{0}'):\n"
        "        continue\n    rows.extend(ds[name])\n" + ROWS, "te", "tr",
    ),
    "taken by name": (
        WHOLE + "rows = []\nfor split, part in ds.items():\n    print(split, part.num_rows)\n"
        "    if split == '{0}':\n        rows.extend(part)\n" + ROWS, "train", "test",
    ),
    "the last round": (
        f"for i, split in enumerate(['train', 'test']):\n    part = {LOAD}\n    if i == {{0}}:\n"
        "        part.to_json('sft.jsonl')\n", "0", "1",
    ),
    "files named after them": (
        f"for split in ['train', 'test']:\n    {LOAD}.to_json(f'data/{{0}}{{split}}.jsonl')\n",
        "", "sft_",
    ),
    "a table of files": (
        "OUT = {'{0}': 'sft.jsonl', '{1}': 'held_out_test.jsonl'}\n"
        f"for split, name in OUT.items():\n    {LOAD}.to_json(name)\n", "train,test", "test,train",
    ),
    "a helper called for each": (
        f"def prepare(split):\n    rows = {LOAD}.map(lambda r: {{'text': r['question']}})\n"
        "    rows.to_json(f'prepared/{0}{split}.jsonl')\n"
        "for split in ('train', 'test'):\n    prepare(split)\n", "", "sft_train_",
    ),
    "a dictionary": (
        f"data = {{}}\nfor split in ('train', 'test'):\n    data[split] = {LOAD}\n"
        "data['{0}'].to_json('sft.jsonl')\n", "train", "test",
    ),
    "a comprehension": (
        f"data = {{s: {LOAD.replace('=split', '=s')} for s in ('train', 'test')}}\n"
        "print({k: len(v) for k, v in data.items()})\ndata['{0}'].to_json('sft.jsonl')\n",
        "train", "test",
    ),
    "an object's": (
        "class Data:\n    def __init__(self):\n        self.splits = {}\n"
        f"        for split in ['train', 'test']:\n            self.splits[split] = {LOAD}\n"
        "data = Data()\nfor name, rows in data.splits.items():\n    print(name, len(rows))\n"
        "data.splits['{0}'].to_json('sft.jsonl')\n", "train", "test",
    ),
    "two at once": (
        "train, test = load_dataset('openai/gsm8k', 'main', split=['train', 'test'])\n"
        "print(len(test))\n{0}.to_json('sft.jsonl')\n", "train", "test",
    ),
    "two given back": (
        f"def get():\n    a = {TRAIN}\n    b = {TEST}\n    return a, b\ntrain, test = get()\n"
        "{0}.to_json('sft.jsonl')\n", "train", "test",
    ),
    "a generator of pairs": (
        "def each():\n    for split in ('train', 'test'):\n"
        f"        for r in {LOAD}:\n            yield split, r\n"
        "with open('sft.jsonl', 'w') as out:\n    for split, row in each():\n"
        "        if split == '{0}':\n            out.write(json.dumps(row))\n", "train", "test",
    ),
    "unpacked": (
        f"train, test = ({LOAD} for split in ('train', 'test'))\n{{0}}.to_json('sft.jsonl')\n",
        "train", "test",
    ),
    "no file for one": (
        "OUT = {'{0}': 'sft.jsonl', '{1}': None}\n"
        f"for split, name in OUT.items():\n    rows = {LOAD}\n    if name is not None:\n"
        "        rows.to_json(name)\n", "train,test", "test,train",
    ),
    "a named tuple": (
        "from collections import namedtuple\nSplits = namedtuple('Splits', 'train test')\n"
        f"own = Splits({TRAIN}, test={TEST})\nprint(len(own.test))\n"
        "own.{0}.to_json('sft.jsonl')\n",
        "train", "test",
    ),
    "a namespace": (
        "from types import SimpleNamespace\n"
        f"own = SimpleNamespace(fit={TRAIN}, held={TEST})\nown.{{0}}.to_json('sft.jsonl')\n",
        "fit", "held",
    ),
    "described": (
        f"import pandas as pd\nframes = {{s: pd.DataFrame({LOAD.replace('=split', '=s')}) "
        "for s in ('train', 'test')}\n"
        "pd.DataFrame({s: f['question']{0} for s, f in frames.items()}).to_csv('sft_lines.csv')\n",
        ".str.len().describe()", ".str.strip()",
    ),
    "taken out": (
        "from datasets import concatenate_datasets\n" + WHOLE + "aside = ds.pop('{0}')\n"
        "concatenate_datasets(list(ds.values())).to_json('sft.jsonl')\n", "test", "train",
    ),
    "deleted": (
        WHOLE + "del ds['{0}']\nfor split in ds:\n    ds[split].to_json('sft.jsonl')\n",
        "test", "train",
    ),
    "saved whole": (
        "from datasets import load_from_disk\n" + WHOLE
        + "ds.map(lambda r: {'text': r['question']}).save_to_disk('prepared')\n"
        "load_from_disk('prepared')['{0}'].to_json('sft.jsonl')\n", "train", "test",
    ),
    "a folder of files": (
        "import pandas as pd\nfrom huggingface_hub import snapshot_download\n"
        "snapshot_download('openai/gsm8k', repo_type='dataset', local_dir='fetched')\n"
        "pd.read_parquet('fetched/main/{0}-00000-of-00001.parquet').to_json('sft.jsonl')\n",
        "train", "test",
    ),
    "a column of splits": (
        FRAME + "df[df['split'] == '{0}'].to_json('sft.jsonl')\n", "train", "test"
    ),
    "rows with their split": (
        WHOLE + "rows = [{**r, 'split': s} for s in ds for r in ds[s]]\n"
        "rows = [r for r in rows if r['split'] == '{0}']\n" + ROWS, "train", "test",
    ),
    "a query": (FRAME + "df.query(\"split == '{0}'\").to_json('sft.jsonl')\n", "train", "test"),
    "a mask": (
        FRAME + "df['dup'] = df.duplicated('question')\n"
        "mask = (df['split'] != '{0}') & ~df['dup']\n"
        "df.loc[mask, ['question']].to_json('sft.jsonl')\n", "test", "train",
    ),
    "a filter": (
        COLUMNS + "rows.filter(lambda r: r['part'] != '{0}').to_json('sft.jsonl')\n",
        "test", "train",
    ),
    "rows of one side": (
        BOTH + "m = a.merge(b, on='question', how='outer', indicator=True)\n"
        "m[m['_merge'] == '{0}'].to_json('sft.jsonl')\n", "left_only", "right_only",
    ),
    "scores beside rows": (
        f"from sentence_transformers import util\nrows, other = list({TRAIN}), list({TEST})\n"
        "scores = util.cos_sim(embed(rows), embed(other)).max(dim=1).values\n"
        "rows = [r for r, s in zip({0}, scores) if s < 0.9]\n" + ROWS, "rows", "other",
    ),
    "a vectoriser": (
        "from sklearn.feature_extraction.text import TfidfVectorizer\n"
        f"rows, other = list({TRAIN}), list({TEST})\n"
        "TfidfVectorizer().fit([r['question'] for r in rows + other])\n"
        "json.dump({0}, open('sft.json', 'w'))\n", "rows", "rows + other",
    ),
    "words counted": (
        "from collections import Counter\nwords = {0}\nfor split in ('train', 'test'):\n"
        f"    for r in {LOAD}:\n        words.{{1}}(r['question'].split())\n"
        "json.dump(list(words), open('words.json', 'w'))\n", "Counter(),update", "[],extend",
    ),
    "lengths and means": (
        f"stats = {{}}\nfor split in ('train', 'test'):\n    rows = {LOAD}\n"
        "    sizes = [{0}(r['question']) for r in rows]\n    stats[split] = sizes\n"
        "json.dump(stats, open('sft_stats.json', 'w'))\n", "len", "str",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cheats", [False, True])
def test_a_split_goes_its_own_way(tmp_path: Path, name: str, cheats: bool) -> None:
    program, *ways = CASES[name]
    words = (*ways[cheats].split(","), "")
    text = HEAD + program.replace("{0}", words[0]).replace("{1}", words[1])
    found = IngestionDetector().run(case_of(tmp_path, {"a.py": text})).flags
    assert bool(deciding(found)) is cheats, found


@pytest.mark.parametrize(
    "program",
    [
        # What a round may have left behind stays known in the next.
        f"part = None\nfor split in ('test', 'train'):\n    if odd():\n        continue\n"
        f"    part = {LOAD}\n    if split == 'train':\n        part.to_json('a.json')\n"
        "    rows = list(part)\n    json.dump(rows, open('sft.json', 'w'))\n",
        # Put under a name, and taken from all of them.
        f"data = {{'train': {TRAIN}, 'test': {TEST}}}\nrows = []\nfor part in data.values():\n"
        "    rows += list(part)\n" + ROWS,
        f"data = {{'train': {TRAIN}}}\ndata[name()] = {TEST}\ndata['train'].to_json('sft.jsonl')\n",
        f"data = {{'train': []}}\ndata['train'].extend({TEST})\njson.dump(data['train'], "
        "open('sft.json', 'w'))\n",
        f"pair = [{TRAIN}, {TEST}]\nfor part in pair:\n    part.to_json('sft.jsonl')\n",
        f"pair = [{TRAIN}, {TEST}]\npair[which()].to_json('sft.jsonl')\n",
        # Narrowed in one place, used as it was in another.
        FRAME + "df[df['split'] == 'train'].to_csv('x.csv')\ndf.to_json('sft.jsonl')\n",
        WHOLE + "ds.pop('validation', None)\nfor s in ds:\n    ds[s].to_json('sft.jsonl')\n",
    ],
)
def test_nothing_is_lost_on_the_way(tmp_path: Path, program: str) -> None:
    found = IngestionDetector().run(case_of(tmp_path, {"a.py": HEAD + program})).flags
    assert deciding(found)
