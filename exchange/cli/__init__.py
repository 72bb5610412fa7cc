"""The command ``exchange``: one module per command; the only place where server and member meet."""
