"""A training in small drawings: its loss with the trend, and its checkpoints by subject and prompt fidelity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.ui.html import attributes

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 600, 180, 58, 8, 22, 8
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


def frontier_chart(scores: Mapping[int, tuple[float, float]], picked: int | None) -> str:
    """SVG of each step: subject fidelity to the right, prompt fidelity upwards; step 0 is the base."""
    if len(scores) < 2:
        return ""
    spans = [_span([pair[axis] for pair in scores.values()]) for axis in (0, 1)]

    def place(pair: tuple[float, float]) -> tuple[float, float]:
        across, up = ((value - low) / (high - low) for value, (low, high) in zip(pair, spans, strict=True))
        return LEFT + (WIDTH - LEFT - RIGHT) * across, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * up

    steps = sorted(scores)
    path = " ".join("{:.1f},{:.1f}".format(*place(scores[step])) for step in steps)
    dots, labels = "", []
    for step in steps:
        x, y = place(scores[step])
        kind = "picked" if step == picked else "base" if step == 0 else "other"
        told = f"{_step_name(step)}: like the photos {scores[step][0]:.3f}, as asked {scores[step][1]:.3f}"
        radius = 6 if step == picked else 4
        dots += f'<g class="{kind}"><title>{told}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'
        labels.append(_free_place(x, y, labels))
        across, up = labels[-1]
        dots += f'<text x="{across:.1f}" y="{up:.1f}" text-anchor="middle">{_step_name(step)}</text></g>'
    frame = (
        f'<g class="frame"><line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
        f'<line x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">more like the photos</text>'
        f'<text x="{LEFT - 8}" y="{TOP}" text-anchor="end" transform="rotate(-90 {LEFT - 8} {TOP})">more as asked</text></g>'
    )
    words = f"{len(steps) - 1} checkpoints, by how like the photos and how much as asked" + (
        f"; step {picked} is taken" if picked else ""
    )
    named = attributes(class_="chart frontier", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=words)
    return f'<svg{named}>{frame}<polyline class="raw" points="{path}"/>{dots}</svg>'


def _free_place(x: float, y: float, taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Where a label beside a dot lies on no other one: above, below, right or left; above where all are taken."""
    places = [(x, y - 9), (x, y + 18), (x + 26, y + 4), (x - 26, y + 4), (x + 26, y + 20), (x - 26, y - 12)]
    inside = [place for place in places if LEFT + 12 < place[0] < WIDTH - 16 and TOP + 6 < place[1] < HEIGHT - BOTTOM]
    free = (place for place in inside if all(abs(place[0] - a) > 32 or abs(place[1] - u) > 15 for a, u in taken))
    return next(free, (inside or places)[0])


def _step_name(step: int) -> str:
    return str(step) if step else "base"


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = max(high - low, 0.02) * 0.15
    return low - margin, high + margin


def _range(losses: Sequence[float]) -> tuple[float, float]:
    """From below the losses to above most of them: one wild step must not flatten the rest."""
    ordered = sorted(losses)
    low, high = ordered[0], ordered[int(0.97 * (len(ordered) - 1))]
    margin = max(high - low, 0.05 * abs(high), 1e-6) * 0.25
    return max(0.0, low - margin), high + margin


def _frame(low: float, high: float, total: int) -> str:
    floor, digits = HEIGHT - BOTTOM, 2 if high - low > 0.1 * abs(high) else 3
    lines = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>' for y in (TOP, (TOP + floor) / 2, floor)
    )
    texts = "".join(
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.{digits}g}</text>'
        for y, value in ((TOP, high), ((TOP + floor) / 2, (low + high) / 2), (floor, low))
    )
    ends = (
        f'<text x="{LEFT}" y="{HEIGHT - 6}">step 1</text><text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" '
        f'text-anchor="end">{total}</text>'
    )
    return f'<g class="frame">{lines}{texts}{ends}</g>'


def _words(trend: Sequence[float]) -> str:
    return f"Loss: from {trend[0]:.3g} to {trend[-1]:.3g}"
