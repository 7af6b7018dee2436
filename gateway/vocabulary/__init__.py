"""What is said: the words that every part of the gateway shares. Nothing here performs I/O."""
