"""What becomes of request fields: honoured, refused, announced or dropped."""
