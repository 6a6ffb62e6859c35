"""The training's loss as a curve. Imported by a worker, and late: its library is slow to load."""

from __future__ import annotations

from collections.abc import Sequence

from textual.color import Color
from textual_plotext import PlotextPlot

from ptb_lite.report.series import Point

# A curve takes tens of milliseconds to draw, and a reader does not see more than this.
_DRAW_SECONDS = 1.0


class LossPlot(PlotextPlot):
    """Draws the points it was last shown, in the theme's colours, once a second at most."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self._points: Sequence[Point] = ()
        self._drawn: Sequence[Point] = ()

    def show(self, points: Sequence[Point], per_point: int) -> None:
        self._points = points
        self.border_title = "loss" if per_point == 1 else f"loss, means of {per_point} steps"
        if not self._drawn:
            self._draw()

    def on_mount(self) -> None:
        super().on_mount()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())
        self.set_interval(_DRAW_SECONDS, self._draw_again)

    def _draw_again(self) -> None:
        if self._points != self._drawn:
            self._draw()

    def _draw(self) -> None:
        self._drawn = self._points
        plot = self.plt
        plot.clear_data()
        plot.plot(
            [x for x, _ in self._points],
            [y for _, y in self._points],
            marker="*" if self.app.has_class("-ascii") else "braille",
            color=Color.parse(self.app.theme_variables["primary"]).rgb,
        )
        plot.xfrequency(3)
        plot.yfrequency(3)
        self.refresh()
