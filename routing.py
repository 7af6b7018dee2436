"""The composition root: which application answers which kind of traffic.

The gateway's own paths (its page, the dashboard, health) are served before this.
"""

from __future__ import annotations

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.utils.module_loading import import_string

bot = import_string(settings.GATEWAY_BOT.replace(":", ".")).as_asgi()

application = ProtocolTypeRouter({"telegram": bot, "xmpp": bot, "web": bot, "room": bot})
