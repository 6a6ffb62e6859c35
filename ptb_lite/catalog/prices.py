"""What models cost by their makers' price lists: for programs that name no price themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from ptb_lite.catalog.yaml_file import read_yaml, validate_at
from ptb_lite.errors import CatalogError
from ptb_lite.events import Record
from ptb_lite.installation import config_root

# Behind a model's name: of which day it is, or that it is the newest of that name.
_DATE = re.compile(r"[-@](?:\d{4}-\d\d-\d\d|\d{8}(?:-v\d+(?::\d+)?)?|latest|preview-\d\d-\d{2,4})$")
# Before it, where a cloud provider serves it.
_MAKER = re.compile(r"^(?:(?:us|eu|apac|global|jp|au)-)?(?:anthropic|openai|google)-")
_OWN = Path(__file__).with_name("prices.yaml")
Dollars = Annotated[float, Field(ge=0, le=1e6)]


class Price(Record):
    """US dollars of a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Dollars
    cached: Dollars
    """Of input tokens that come from a cache."""
    output: Dollars
    dated: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    """The day on which its source had the price."""

    def of(self, figures: Mapping[str, float]) -> float:
        """Dollars of a usage event's figures."""
        cached = figures.get("cached_input_tokens", 0.0)
        fresh = max(0.0, figures.get("input_tokens", 0.0) - cached)
        written = figures.get("output_tokens", 0.0)
        return (fresh * self.input + cached * self.cached + written * self.output) / 1e6


def load_prices(overlay: Path | None = None) -> Mapping[str, Price]:
    """The prices by the name of a model; a person's prices.yaml goes first.

    Raises CatalogError with file and line where one is malformed.
    """
    own = (config_root() if overlay is None else overlay) / "prices.yaml"
    found: dict[str, Price] = {}
    for path in (_OWN, *((own,) if own.exists() else ())):
        file = read_yaml(path)
        for name, fields in file.values.items():
            if not isinstance(fields, dict):
                raise CatalogError(
                    f"'{name}' needs input, cached, output and dated", field=file.where([name])
                )
            found[name] = validate_at(Price, fields, file, [name])
    return found


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of the name that `model` is, a provider before it and a date behind it left out.

    Another variant (`-mini`, `-pro`, a later version) is another model: it has no price unless it
    is named itself.
    """
    by_name = {_plain(name): price for name, price in prices.items()}
    names = (_plain(model), _plain(model.rpartition("/")[2]))
    wanted = (each for name in names for each in (name, _MAKER.sub("", _DATE.sub("", name))))
    return next((by_name[name] for name in wanted if name in by_name), None)


def _plain(name: str) -> str:
    """Some providers write claude-opus-4.5 for claude-opus-4-5."""
    return name.lower().replace(".", "-")
