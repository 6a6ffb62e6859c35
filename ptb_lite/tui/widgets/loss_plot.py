"""The training's loss as a curve. Imported by a worker, and late: its library is slow to load."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.color import Color
from textual_plotext import PlotextPlot

from ptb_lite.report.series import Point

# A curve takes tens of milliseconds to draw, and a reader does not see more than this.
_DRAW_SECONDS = 1.0
# A curve of more points is drawn smoothed, over the points themselves.
_SMOOTHED = 20
_KEPT = 0.8


def smoothed(values: Sequence[float]) -> list[float]:
    """Exponential moving means without the bias of a beginning at zero; few values stay."""
    if len(values) <= _SMOOTHED:
        return list(values)
    found, mean, weight = [], 0.0, 0.0
    for value in values:
        mean = _KEPT * mean + (1 - _KEPT) * value
        weight = _KEPT * weight + (1 - _KEPT)
        found.append(mean / weight)
    return found


class LossPlot(PlotextPlot):
    """Draws the points it was last shown, in the theme's colours, once a second at most."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self.title = "Training"
        self._points: Sequence[Point] = ()
        self._drawn: Sequence[Point] = ()

    def show(self, points: Sequence[Point], per_point: int) -> None:
        self._points = points
        of = "" if per_point == 1 else f", means of {per_point} steps"
        self.title = f"Training: loss{' (log)' if self._logarithmic() else ''}{of}"
        if not self._drawn:
            self._draw()

    def on_mount(self) -> None:
        super().on_mount()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())
        self.set_interval(_DRAW_SECONDS, self._draw_again)

    def _draw_again(self) -> None:
        if self._points != self._drawn:
            self._draw()

    def _logarithmic(self) -> bool:
        """Losses fall by factors; one that is not positive has no logarithm."""
        return bool(self._points) and all(y > 0 for _, y in self._points)

    def _colour(self, variable: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables[variable]).rgb

    def _draw(self) -> None:
        self._drawn = self._points
        plot = self.plt
        plot.clear_data()
        logarithmic = self._logarithmic()
        xs = [x for x, _ in self._points]
        ys = [math.log10(y) if logarithmic else y for _, y in self._points]
        marker = "*" if self.app.has_class("-ascii") else "braille"
        if len(ys) > _SMOOTHED:
            plot.plot(xs, ys, marker=marker, color=self._colour("border-blurred"))
        plot.plot(xs, smoothed(ys), marker=marker, color=self._colour("primary"))
        plot.xfrequency(3)
        if logarithmic:
            # Not the library's own scale, which takes the logarithm anew each time it draws.
            ticks = [min(ys), (min(ys) + max(ys)) / 2, max(ys)]
            plot.yticks(ticks, [f"{10**tick:.2g}" for tick in ticks])
        else:
            plot.yfrequency(3)
        self.refresh()
