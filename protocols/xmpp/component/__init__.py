"""XMPP as a component (XEP-0114): every remote person is an occupant of their own."""
