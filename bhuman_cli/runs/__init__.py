"""The promise about money: what is new, what is sent, what was accepted, what is in doubt, who is asked next."""
