"""The server's verbs: accept, read, stream, open a session. They own the transactions and know no HTTP."""
