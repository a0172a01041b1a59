"""A small theatre at night: ink or warm paper, velvet for the one main action, brass for what is selected."""

from __future__ import annotations

from typing import Any

import gradio.themes as themes

from studio.ui.static_files import STATIC, script, style_sheets

INK, PAPER, VELVET, BRASS = "#17151d", "#faf6ef", "#b3263a", "#c79a3b"
SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

# Gradio's variable -> (on paper, on ink). The page's own pieces use the same colours through static/style.
COLOURS = {
    "body_background_fill": (PAPER, INK),
    "body_text_color": ("#2a2430", "#f1ebe0"),
    "body_text_color_subdued": ("#6a6070", "#aba3b5"),
    "background_fill_primary": ("#fffdf8", "#1f1c27"),
    "background_fill_secondary": ("#f3ecdf", "#25212e"),
    "block_background_fill": ("transparent", "transparent"),
    "block_border_color": ("transparent", "transparent"),
    "block_label_background_fill": ("transparent", "transparent"),
    "block_label_text_color": ("#4c4453", "#cfc7d6"),
    "block_title_text_color": ("#4c4453", "#cfc7d6"),
    "block_info_text_color": ("#6a6070", "#aba3b5"),
    "border_color_primary": ("#ddd2c0", "#3a3446"),
    "border_color_accent": (BRASS, BRASS),
    "color_accent_soft": ("#f6ead0", "#39301f"),
    "input_background_fill": ("#fffdf8", "#1f1c27"),
    "input_background_fill_focus": ("#fffdf8", "#231f2c"),
    "input_border_color": ("#cfc2ac", "#443d52"),
    "input_border_color_focus": (BRASS, BRASS),
    "input_placeholder_color": ("#8a7f8e", "#8d8598"),
    "button_primary_background_fill": (VELVET, VELVET),
    "button_primary_background_fill_hover": ("#9c1f31", "#c62f45"),
    "button_primary_border_color": (VELVET, VELVET),
    "button_primary_text_color": ("#ffffff", "#ffffff"),
    "button_secondary_background_fill": ("#f3ecdf", "#2b2635"),
    "button_secondary_background_fill_hover": ("#e9dfcd", "#363042"),
    "button_secondary_border_color": ("#d3c6b0", "#443d52"),
    "button_secondary_text_color": ("#2a2430", "#f1ebe0"),
    "slider_color": (BRASS, BRASS),
    "checkbox_background_color": ("#fffdf8", "#1f1c27"),
    "checkbox_background_color_selected": ("#8a6620", BRASS),
    "checkbox_border_color": ("#a89b84", "#5b5369"),
    "checkbox_border_color_selected": ("#8a6620", BRASS),
    "checkbox_label_background_fill": ("#fffdf8", "#1f1c27"),
    "checkbox_label_background_fill_hover": ("#f6ead0", "#2b2635"),
    "checkbox_label_background_fill_selected": ("#f6ead0", "#39301f"),
    "checkbox_label_border_color": ("#d3c6b0", "#443d52"),
    "checkbox_label_border_color_selected": (BRASS, BRASS),
    "checkbox_label_text_color_selected": ("#2a2430", "#f1ebe0"),
    "link_text_color": ("#8a6620", "#d9b25c"),
    "link_text_color_hover": ("#6d5018", "#ecc978"),
}
SHAPES = {
    "color_accent": BRASS,
    "block_border_width": "0px",
    "block_padding": "0px",
    "block_shadow": "none",
    "block_label_shadow": "none",
    "block_radius": "10px",
    "container_radius": "10px",
    "input_radius": "10px",
    "block_label_padding": "0 0 4px 0",
    "block_label_text_size": "14px",
    "block_title_text_size": "14px",
    "block_info_text_size": "13px",
    "block_title_text_weight": "600",
    "input_padding": "10px 12px",
    "input_text_size": "15px",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "button_large_radius": "10px",
    "button_medium_radius": "10px",
    "button_small_radius": "8px",
    "button_large_text_weight": "600",
    "button_medium_text_weight": "500",
    "button_small_text_weight": "500",
    "button_primary_shadow": "none",
    "button_secondary_shadow": "none",
    "button_border_width": "1px",
    "layout_gap": "16px",
    "form_gap_width": "0px",
    "section_header_text_weight": "600",
}


def theme() -> themes.Base:
    """Fonts are the system's: nothing is fetched from outside."""
    made = themes.Base(
        font=SANS,
        font_mono=MONO,
        radius_size=themes.sizes.radius_md,
        spacing_size=themes.sizes.spacing_md,
        text_size=themes.sizes.text_md,
        neutral_hue=themes.colors.stone,
        primary_hue=themes.colors.red,
    )
    colours = {name: paper for name, (paper, _) in COLOURS.items()}
    dark = {f"{name}_dark": ink for name, (_, ink) in COLOURS.items()}
    return made.set(**colours, **dark, **SHAPES)


def look() -> dict[str, Any]:
    """What `launch` needs to show the page as it is meant: theme, style sheet, script, and no foreign footer."""
    return {
        "theme": theme(),
        "css_paths": style_sheets(),
        "head": f"<script>\n{script('page')}</script>",
        "footer_links": [],
        "favicon_path": str(STATIC / "mark.svg"),
    }
