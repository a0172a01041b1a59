"""A training as one self-contained HTML page: settings, curves, samples, scores. Nothing in it is fetched."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Any

from studio.execution.run import Run
from studio.tasks.train import TRAIN
from studio.ui.charts import frontier_chart, loss_chart
from studio.ui.training_events import IN_WORDS, Training

STYLE = """
:root { color-scheme: light dark; --line: #ddd2c0; --faint: #6d6458; --brass: #9a7420; }
@media (prefers-color-scheme: dark) { :root { --line: #353041; --faint: #aba3b5; --brass: #dcb765; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 880px; margin: 40px auto; padding: 0 16px; }
h1, h2 { font-family: Georgia, serif; } .faint, figcaption { color: var(--faint); font-size: 14px; }
table { border-collapse: collapse; font-size: 14px; } td, th { padding: 4px 16px 4px 0; text-align: left;
border-bottom: 1px solid var(--line); } tr.taken { color: var(--brass); font-weight: 600; }
svg { width: 100%; } svg text { fill: var(--faint); font-size: 12px; } svg .frame line { stroke: var(--line); }
svg polyline { fill: none; stroke: var(--faint); } svg .trend { stroke: var(--brass); stroke-width: 2.5; }
svg circle { fill: var(--faint); } svg .picked circle { fill: var(--brass); } svg .base circle { fill: none;
stroke: var(--faint); }
.strip { display: flex; gap: 12px; overflow-x: auto; } figure { margin: 0; } figure img { width: 192px; display: block;
border-radius: 8px; margin-bottom: 8px; } figure.taken img { outline: 2px solid var(--brass); }
"""


def report(run: Run, root: Path) -> str:
    """The page. Raises ValueError for a run that is no training."""
    if run.task is not TRAIN:
        raise ValueError("Only a training has a report.")
    training = Training.of(run)
    parts = [
        f"<h1>{escape(run.title)}</h1>",
        f'<p class="faint">{escape(run.created[:16].replace("T", " "))} UTC, '
        f"{IN_WORDS[run.status]}, run {escape(run.id)}</p>",
    ]
    if run.message:
        parts.append(f"<p>{escape(run.message)}</p>")
    parts += [
        "<h2>Settings</h2>",
        _table(
            ["setting", "value"],
            [[name.replace("_", " "), value] for name, value in vars(run.request).items() if value not in (None, "")],
        ),
    ]
    if training.losses:
        parts += ["<h2>Loss</h2>", loss_chart(training.steps, training.losses, training.total)]
    if training.scores:
        parts += [
            "<h2>Checkpoints</h2>",
            f"<p>{escape(training.reason)}</p>",
            frontier_chart(training.scores, training.taken or training.picked),
            _table(
                ["step", "subject fidelity (CLIP-I)", "prompt fidelity (CLIP-T)"],
                [
                    [step or "base", f"{pair[0]:.4f}", f"{pair[1]:.4f}"]
                    for step, pair in sorted(training.scores.items())
                ],
                str(training.taken),
            ),
        ]
    if training.checked:
        parts += [
            "<h2>The bare class</h2>",
            _table(
                ["", "diversity", "drift"],
                [
                    ["before", f"{training.checked.before:.4f}", ""],
                    ["after", f"{training.checked.diversity:.4f}", f"{training.checked.drift:.4f}"],
                ],
            ),
            f"<p>{escape(training.checked.prompt)}: {len(training.checked.pictures)} pictures from the same seeds; "
            "cosine distances of CLIP.</p>",
        ]
    if training.samples:
        parts += ["<h2>Samples</h2>", _samples(training, root)]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(run.title)}</title>'
        f"<style>{STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _table(head: list[str], rows: list[list[Any]], taken: str = "") -> str:
    lines = ""
    for row in rows:
        cells = "".join(f"<td>{escape(str(cell))}</td>" for cell in row)
        lines += f"<tr{' class=taken' if str(row[0]) == taken else ''}>{cells}</tr>"
    return f"<table><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>{lines}</table>"


def _samples(training: Training, root: Path) -> str:
    figures: dict[int, str] = {}
    for sample in training.samples:
        path = root / sample.path
        if path.is_file():
            data = base64.b64encode(path.read_bytes()).decode()
            prompt = escape(sample.prompt)
            figures[sample.step] = (
                figures.get(sample.step, "")
                + f'<img src="data:image/png;base64,{data}" alt="{prompt}" title="{prompt}">'
            )
    return (
        '<div class="strip">'
        + "".join(
            f"<figure{' class=taken' if step == training.taken else ''}>{pictures}"
            f"<figcaption>{step or 'before'}</figcaption></figure>"
            for step, pictures in figures.items()
        )
        + "</div>"
    )
