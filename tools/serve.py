"""Serve the built site on this machine only, on a free port, until Ctrl-C."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal for the address."""


def server(site: Path = SITE) -> ThreadingHTTPServer:
    """Return a server of a folder, bound to a free local port."""
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=site))


if __name__ == "__main__":
    with server() as httpd:
        print(f"serve: http://127.0.0.1:{httpd.server_port}/  (Ctrl-C stops)", flush=True)
        try:
            httpd.serve_forever()
        except KeyboardInterrupt:
            print()
