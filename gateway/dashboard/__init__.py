"""What is shown: the chat page, the operator's dashboard, and the pages that machines read."""
