"""The loss of a training as a small drawing: what was measured, faint, and its trend, bold."""

from __future__ import annotations

from collections.abc import Sequence

from studio.ui.pieces import attributes

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 600, 180, 40, 8, 22, 8
MOST_POINTS = 300  # more cost the browser, and nobody sees them


def smoothed(losses: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average that starts unbiased (Adam's correction)."""
    average, trend = 0.0, []
    for number, loss in enumerate(losses, start=1):
        average = weight * average + (1 - weight) * loss
        trend.append(average / (1 - weight**number))
    return trend


def thinned(points: Sequence[tuple[int, float]], most: int = MOST_POINTS) -> list[tuple[int, float]]:
    """At most so many of the points, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(index * (len(points) - 1) / (most - 1))] for index in range(most)]


def loss_chart(steps: Sequence[int], losses: Sequence[float], total: int) -> str:
    """SVG of the losses over the steps 1 to `total`; empty where nothing was measured."""
    if not losses:
        return ""
    trend = smoothed(losses)
    low, high = _range(losses)

    def place(step: int, loss: float) -> str:
        across = LEFT + (WIDTH - LEFT - RIGHT) * step / max(total, 1)
        up = (min(max(loss, low), high) - low) / (high - low)
        return f"{across:.1f},{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * up:.1f}"

    def line(values: Sequence[float], kind: str) -> str:
        points = " ".join(place(step, value) for step, value in thinned(list(zip(steps, values, strict=True))))
        return f'<polyline class="{kind}" points="{points}"/>'

    last = place(steps[-1], trend[-1]).split(",")
    return (
        f"<svg{attributes(class_='chart', viewBox=f'0 0 {WIDTH} {HEIGHT}', role='img', aria_label=_words(trend))}>"
        f"{_frame(low, high, total)}{line(losses, 'raw')}{line(trend, 'trend')}"
        f'<circle cx="{last[0]}" cy="{last[1]}" r="4"/></svg>'
    )


def _range(losses: Sequence[float]) -> tuple[float, float]:
    """From below the losses to above most of them: one wild step must not flatten the rest."""
    ordered = sorted(losses)
    low, high = ordered[0], ordered[int(0.97 * (len(ordered) - 1))]
    margin = max(high - low, 0.05 * abs(high), 1e-6) * 0.25
    return max(0.0, low - margin), high + margin


def _frame(low: float, high: float, total: int) -> str:
    floor = HEIGHT - BOTTOM
    lines = "".join(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                    for y in (TOP, (TOP + floor) / 2, floor))
    texts = "".join(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2g}</text>'
                    for y, value in ((TOP, high), ((TOP + floor) / 2, (low + high) / 2), (floor, low)))
    ends = f'<text x="{LEFT}" y="{HEIGHT - 6}">step 1</text><text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" ' \
        f'text-anchor="end">{total}</text>'
    return f'<g class="frame">{lines}{texts}{ends}</g>'


def _words(trend: Sequence[float]) -> str:
    return f"Loss: from {trend[0]:.3g} to {trend[-1]:.3g}"
