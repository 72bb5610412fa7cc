"""What everything of ours that listens for HTTP needs: deadlines, rates, bounded bodies, a listening socket. It knows no
exchange and no member: the server and the programs that members run (witness, mirror) stand on it. Import the modules."""
