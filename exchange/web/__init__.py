"""The server's HTTP face: one route table, one error table, one log format. It decides nothing; services do."""
