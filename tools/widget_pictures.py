"""Sphinx extension: where scripts are off, an interactive figure's page shows the picture that came with it."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

WIDGET = "application/vnd.jupyter.widget-view+json"


class PictureWithoutScripts(SphinxPostTransform):
    """Put the image of an output beside its widget, inside <noscript>."""

    default_priority = 3  # before MyST-NB keeps one form of each output and drops the others
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Look at every output of the page."""
        for bundle in self.document.findall(nodes.container):
            forms = {form.get("mime_type"): form for form in bundle.children if isinstance(form, nodes.container)}
            if bundle.get("nb_element") != "mime_bundle" or not {WIDGET, "image/png"} <= forms.keys():
                continue
            picture = next(iter(forms["image/png"].findall(nodes.image)))
            words = forms.get("text/plain")
            picture["alt"] = words.astext().strip().strip("[]").removeprefix("interactive figure: ") if words else ""
            forms[WIDGET] += [
                nodes.raw("", "<noscript>", format="html"),
                picture.deepcopy(),
                nodes.raw("", "</noscript>", format="html"),
            ]


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.add_post_transform(PictureWithoutScripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
