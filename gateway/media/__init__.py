"""Files of messages: fetched once, kept within bounds, given out by links that expire."""
