"""What a command is told to work on: tables, payloads, bodies, and the project files beside them."""
