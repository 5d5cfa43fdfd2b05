"""Static files of the package: style, pictures, modules. Known by name at start, so no path can lead elsewhere."""

from hashlib import sha256
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from darwaza.entry.console.render import STATIC_FOLDER

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".html": "text/html; charset=utf-8",
}
AGE = "public, max-age=3600, must-revalidate"

_files = {
    path.name: (path.read_bytes(), MEDIA_TYPES[path.suffix])
    for path in STATIC_FOLDER.iterdir()
    if path.suffix in MEDIA_TYPES
}
_tags = {name: f'"{sha256(data).hexdigest()[:16]}"' for name, (data, _) in _files.items()}


async def serve(request: Request) -> Response:
    """One file."""
    return _answer(request, str(request.path_params["name"]), AGE)


async def worker(request: Request) -> Response:
    """The service worker, which must lie above the pages it serves when the gateway cannot be reached."""
    return _answer(request, "worker.js", "no-cache")


def _answer(request: Request, name: str, age: str) -> Response:
    if name not in _files:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = {"etag": _tags[name], "cache-control": age}
    if request.headers.get("if-none-match") == _tags[name]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    data, media_type = _files[name]
    return Response(data, headers=headers, media_type=media_type)
