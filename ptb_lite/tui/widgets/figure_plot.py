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
        places = [float(len(figure.values) - row) for row in range(len(figure.values))]
        for place, value in zip(places, figure.values, strict=True):
            self._draw_value(plot, place, value, plain=plain)
        plot.xlim(figure.low, figure.high)
        plot.ylim(0.5, len(figure.values) + 0.5)
        plot.xticks(list(figure.ticks), [f"{100 * tick:.0f}" for tick in figure.ticks])
        plot.yticks(places, _labels(figure))
        self.refresh()

    def _draw_value(self, plot: Any, place: float, value: Value, *, plain: bool) -> None:
        colour = Color.parse(self.app.theme_variables[_COLOURS[value.kind]]).rgb
        if value.low is not None and value.high is not None:
            ends = [value.low, value.high]
            plot.plot(ends, [place, place], marker="-" if plain else "─", color=colour)
        markers, other = (_ASCII_MARKERS, "*") if plain else (_MARKERS, "●")
        plot.scatter([value.mean], [place], marker=markers.get(value.kind, other), color=colour)


def _labels(figure: Figure) -> list[str]:
    """Of one width, so that the figures stand below each other."""
    kinds = {value.kind for value in figure.values}
    names = [
        _name(value) if kinds & set(_PAIRED) and len(kinds) > 1 else value.label
        for value in figure.values
    ]
    names = [one_line(name, _LABEL_CELLS) for name in names]
    width = max(map(cell_len, names))
    words = max(len(value.text) for value in figure.values)
    return [
        f"{name}{' ' * (width - cell_len(name))}  {value.text:<{words}}"
        for name, value in zip(names, figure.values, strict=True)
    ]


def _name(value: Value) -> str:
    """Whose it is, and which of two scores."""
    return f"{value.label} {value.kind}".strip() if value.kind in _PAIRED else value.label
