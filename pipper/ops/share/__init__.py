"""Write locks and wheels for other hosts and other tools."""
