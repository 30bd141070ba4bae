"""What every other room stands on: transactions, seals, blobs, leases, cursors, processes."""
