"""The local studio: BHuman AI Studio's API on 127.0.0.1, really rendering. Written against the API contract, never against our client."""
