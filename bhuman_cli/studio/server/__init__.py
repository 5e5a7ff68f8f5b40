"""The local studio over HTTP."""
