"""`answers demo`: three days of real flights, with faults, twice; then the dead letters are replayed."""
