"""What would colour, clear or rename the terminal of whoever reads what a stranger wrote."""

WRITTEN_OUT = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\n\t"
}
"""For ``str.translate``; lines and columns stay."""
