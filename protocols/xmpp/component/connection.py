"""Being connected as a component."""

from __future__ import annotations

import uuid
from typing import ClassVar

from gateway.vocabulary.errors import StartError
from protocols.xmpp.component.stream import ComponentStream, Taken
from protocols.xmpp.connection import Connection
from protocols.xmpp.stream import Conflict, Stream, Unreachable


class ComponentConnection(Connection):
    """Keeps a component's stream in the link."""

    stream_class: ClassVar[type[Stream]] = ComponentStream

    async def check(self) -> list[str]:
        """Try the secret, and leave at once; a gateway that is connected already knows it."""
        domain = self._settings.domain
        stream = self._new_stream(f"check-{uuid.uuid4().hex[:8]}", None)
        try:
            await stream.login()
            await stream.goodbye()
        except Taken:
            return [f"a gateway is connected as the component {domain} now"]
        except (Unreachable, Conflict) as error:
            raise StartError(str(error)) from error
        finally:
            stream.dispose()
        return [f"accepted as the component {domain} at {stream.where}, {stream.encryption}"]
