"""Interactive figures for the book's chapters: they answer the hand in JupyterLab and in a page with no kernel."""

from lrlab.widgets.one_step import OneStep

__all__ = ["OneStep"]
