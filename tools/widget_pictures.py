"""Sphinx extension: where scripts are off, a page shows a figure's picture, or says what is missing."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

MISSING = '<p class="lrlab-no-widget">A widget stands here. It needs scripts, which are off.</p>'
WIDGET = "application/vnd.jupyter.widget-view+json"


class PictureWithoutScripts(SphinxPostTransform):
    """Put the image of an output, or a note, beside its widget, inside <noscript>."""

    default_priority = 3  # before MyST-NB keeps one form of each output and drops the others
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every output of the page."""
        for bundle in self.document.findall(nodes.container):
            forms = {form.get("mime_type"): form for form in bundle.children if isinstance(form, nodes.container)}
            if bundle.get("nb_element") != "mime_bundle" or WIDGET not in forms:
                continue
            instead: nodes.Element = nodes.raw("", MISSING, format="html")
            if "image/png" in forms:
                instead = next(iter(forms["image/png"].findall(nodes.image))).deepcopy()
                words = forms["text/plain"].astext().strip() if "text/plain" in forms else ""
                instead["alt"] = words.strip("[]").removeprefix("interactive figure: ")
            forms[WIDGET] += [
                nodes.raw("", "<noscript>", format="html"),
                instead,
                nodes.raw("", "</noscript>", format="html"),
            ]


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.add_post_transform(PictureWithoutScripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
