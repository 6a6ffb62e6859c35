"""One figure of an experiment. Imported late: its library is slow to load."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from textual.color import Color
from textual.content import Content
from textual_plotext import PlotextPlot

from ptb_lite.experiment.figures import Figure, Kind, Value
from ptb_lite.tui.text import one_line

_COLOURS: dict[Kind, str] = {
    "raw": "primary",
    "counted": "success",
    "used": "primary",
    "flagged": "error",
    "paper": "accent",
}
_MARKERS: dict[Kind, str] = {"paper": "◆"}
_ASCII_MARKERS: dict[Kind, str] = {"paper": "#"}
_PAIRED: tuple[Kind, ...] = ("raw", "counted")
_LABEL_CELLS = 30
# The frame's two lines and the axis.
_AROUND = 3


class FigurePlot(PlotextPlot):
    """A line for each value: what it is, its figure, and where it lies with its interval."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(classes="figure")
        self._figure = figure
        self.border_title = Content(figure.title)
        self.border_subtitle = Content(figure.note)
        # The widget's own border stands around the plot's.
        self.styles.height = len(figure.values) + _AROUND + 2

    def on_mount(self) -> None:
        super().on_mount()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())
        self._draw()

    def _draw(self) -> None:
        figure, plot = self._figure, self.plt
        plain = self.app.has_class("-ascii")
        plot.clear_data()
        if figure.low < 0:
            plot.vline(0.0, color=self._colour("border-blurred"))
        places = [float(len(figure.values) - row) for row in range(len(figure.values))]
        for place, value in zip(places, figure.values, strict=True):
            self._draw_value(plot, place, value, plain=plain)
        plot.xlim(figure.low, figure.high)
        plot.ylim(0.5, len(figure.values) + 0.5)
        plot.xticks(list(figure.ticks), [f"{100 * tick:.0f}" for tick in figure.ticks])
        plot.yticks(places, _labels(figure))
        self.refresh()

    def _colour(self, variable: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables[variable]).rgb

    def _draw_value(self, plot: Any, place: float, value: Value, *, plain: bool) -> None:
        colour = self._colour(_COLOURS[value.kind])
        if value.low is not None and value.high is not None:
            ends = [value.low, value.high]
            plot.plot(ends, [place, place], marker="-" if plain else "─", color=colour)
        markers, other = (_ASCII_MARKERS, "*") if plain else (_MARKERS, "●")
        plot.scatter([value.mean], [place], marker=markers.get(value.kind, other), color=colour)


def _labels(figure: Figure) -> list[str]:
    """In columns, so that the figures stand below each other."""
    both = set(_PAIRED) <= {value.kind for value in figure.values}
    names = [
        one_line(_name(value) if both else value.label, _LABEL_CELLS) for value in figure.values
    ]
    name_cells = max(map(cell_len, names))
    parts = [value.text.partition(" ") for value in figure.values]
    before, after = (max(len(part[at]) for part in parts) for at in (0, 2))
    return [
        f"{name}{' ' * (name_cells - cell_len(name))}  {number:>{before}} {rest:<{after}}"
        for name, (number, _, rest) in zip(names, parts, strict=True)
    ]


def _name(value: Value) -> str:
    """Whose it is, and which of two scores."""
    return f"{value.label} {value.kind}".strip() if value.kind in _PAIRED else value.label
