"""Videos that are to be made: orders, leases, the studio's database, callbacks."""
