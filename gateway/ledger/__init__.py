"""What is remembered: the durable record, in one database that all processes share."""
