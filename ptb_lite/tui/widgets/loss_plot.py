"""The training's loss as a curve. Imported when there is a first point: its library is slow."""

from __future__ import annotations

from collections.abc import Sequence

from textual.color import Color
from textual_plotext import PlotextPlot

from ptb_lite.report.series import Point


class LossPlot(PlotextPlot):
    """Draws the points it was last shown, in the theme's colours."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self._points: Sequence[Point] = ()

    def show(self, points: Sequence[Point], per_point: int) -> None:
        if points == self._points:
            return
        self._points = points
        self.border_title = "loss" if per_point == 1 else f"loss, means of {per_point} steps"
        self._draw()

    def on_mount(self) -> None:
        super().on_mount()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())

    def _draw(self) -> None:
        plot = self.plt
        plot.clear_data()
        colour = Color.parse(self.app.theme_variables["primary"]).rgb
        ascii_only = self.app.has_class("-ascii")
        plot.plot(
            [x for x, _ in self._points],
            [y for _, y in self._points],
            marker="*" if ascii_only else "braille",
            color=colour,
        )
        plot.xfrequency(3)
        plot.yfrequency(3)
        self.refresh()
