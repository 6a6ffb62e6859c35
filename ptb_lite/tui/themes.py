"""Dark, light and high contrast. Colours only repeat what a word or a letter says as well."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#4c9be8",
    secondary="#2b5f94",
    accent="#e8b04c",
    warning="#e8b04c",
    error="#ff6b7d",
    success="#5fc97e",
    foreground="#e6e6e6",
    background="#14171c",
    surface="#1b1f26",
    panel="#262c36",
    dark=True,
    variables={
        "border-blurred": "#8190a5",
        "block-cursor-background": "#2d4a6b",
        "block-cursor-foreground": "#ffffff",
    },
)
LIGHT = Theme(
    name="light",
    primary="#0b5cad",
    secondary="#3d7ab5",
    accent="#8a4b00",
    warning="#8a4b00",
    error="#b00020",
    success="#0b6b2e",
    foreground="#1a1a1a",
    background="#f7f7f5",
    surface="#ffffff",
    panel="#e4e6ea",
    dark=False,
    variables={
        "footer-key-foreground": "#0b5cad",
        "border-blurred": "#5f6874",
        "block-cursor-background": "#cfe0f2",
        "block-cursor-foreground": "#000000",
    },
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#ffff00",
    secondary="#00ffff",
    accent="#ffff00",
    warning="#ffff00",
    error="#ff8080",
    success="#80ff80",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    text_alpha=1.0,
    variables={
        "border": "#ffff00",
        "border-blurred": "#c0c0c0",
        "block-cursor-background": "#0000a0",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-background": "#303030",
        "block-cursor-blurred-foreground": "#ffffff",
        "footer-key-foreground": "#ffff00",
        "text-muted": "#ffffff",
        "text-disabled": "#d0d0d0",
        "input-selection-background": "#0000ff",
    },
)
THEMES = (DARK, LIGHT, HIGH_CONTRAST)
THEME_NAMES = tuple(theme.name for theme in THEMES)
