"""The files of a simulated Telegram: sent by people and by bots, fetched by getFile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gateway.testing.botapi.errors import ApiFailure, bad_request
from gateway.testing.botapi.messages import Json

MAX_UPLOAD = 50 * 1024 * 1024
MAX_PHOTO = 10 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024

PLACES = {
    "photo": ("photos", "jpg"),
    "document": ("documents", ""),
    "audio": ("music", "mp3"),
    "voice": ("voice", "oga"),
    "video": ("videos", "mp4"),
    "animation": ("animations", "mp4"),
    "sticker": ("stickers", "webp"),
    "video_note": ("video_notes", "mp4"),
}
"""Kinds of files: the folder of their download, and what they end in without a name."""

PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"BM")
"""How the pictures begin that Telegram takes as a photo."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class File:
    """A file that Telegram has."""

    kind: str
    about: Json
    path: str
    content: bytes


class Files:
    """All files, by their file_id."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}

    def keep(self, kind: str, content: bytes, name: str = "", *, size: int | None = None) -> Json:
        """Keep a file and return what messages say of it; ``size`` pretends another length."""
        number = len(self._files)
        folder, ending = PLACES[kind]
        suffix = PurePosixPath(name).suffix.lstrip(".") or ending
        file_id = f"{kind.upper().replace('_', '')}-AgAC{number:06}"
        about: Json = {
            "file_id": file_id,
            "file_unique_id": f"AQAD{number:06}",
            "file_size": len(content) if size is None else size,
        }
        path = f"{folder}/file_{number}" + (f".{suffix}" if suffix else "")
        self._files[file_id] = File(kind, about, path, content)
        return about

    def get(self, file_id: str) -> Json:
        """What getFile answers; raises the 400s."""
        file = self._files.get(file_id)
        if file is None:
            raise bad_request("invalid file_id")
        if file.about["file_size"] > MAX_DOWNLOAD:
            raise bad_request("file is too big")
        return file.about | {"file_path": file.path}

    def forget(self, file_id: str) -> None:
        """Lose a file."""
        del self._files[file_id]

    def content(self, file_id: str) -> bytes:
        """What is in it."""
        return self._files[file_id].content

    def at(self, path: str) -> bytes:
        """The content behind a file_path; raises the 404."""
        for file in self._files.values():
            if file.path == path:
                return file.content
        raise ApiFailure(404, "Not Found")

    def take(self, kind: str, given: Any) -> tuple[Json, Upload | None]:
        """What a bot sends: an upload, or the file_id of what is there; raises the 400s."""
        if isinstance(given, Upload):
            _check_upload(kind, given)
            return self.keep(kind, given.content, given.name), given
        if given in (None, ""):
            raise bad_request(f"there is no {kind} in the request")
        if "://" in str(given):
            raise bad_request("failed to get HTTP URL content")
        file = self._files.get(str(given))
        if file is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        if file.kind != kind:
            words = (file.kind.title(), kind.title())
            raise bad_request("can't use file of type {} as {}".format(*words))
        return file.about, None


def _check_upload(kind: str, upload: Upload) -> None:
    if not upload.content:
        raise bad_request("file must be non-empty")
    if kind == "photo" and len(upload.content) > MAX_PHOTO:
        raise bad_request("file is too big for a photo")
    if kind == "photo" and not upload.content.startswith(PICTURES):
        raise bad_request("IMAGE_PROCESS_FAILED")


def media(kind: str, about: Json, **more: Any) -> Json:
    """The fields of a message that hold a file: those of its kind, ``more`` first."""
    shown = {name: value for name, value in more.items() if value not in (None, "")} | about
    if kind == "photo":
        return {"photo": [{"width": 90, "height": 90} | shown]}
    if kind in ("video", "animation"):
        shown = {"width": 320, "height": 240, "duration": 1} | shown
    if kind in ("audio", "voice"):
        shown = {"duration": 1} | shown
    if kind == "video_note":
        shown = {"length": 240, "duration": 1} | shown
    if kind == "sticker":
        shape = {"type": "regular", "width": 512, "height": 512}
        shown = shape | {"is_animated": False, "is_video": False} | shown
    # For clients that know no animations.
    return {kind: shown} | ({"document": shown} if kind == "animation" else {})
