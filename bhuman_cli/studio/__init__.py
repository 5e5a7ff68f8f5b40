"""The local studio: AI Studio's API on 127.0.0.1, really rendering; written against the contract, not our client."""
