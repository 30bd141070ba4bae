"""What keeps a process alive, and what it lives on: data folder, children, beats, memory."""
