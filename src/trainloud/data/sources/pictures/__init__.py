"""Pictures: folders of them, idx files, arrays, and the labels beside them."""
