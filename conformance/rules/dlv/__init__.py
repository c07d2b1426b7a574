"""DLV: timely delivery. Tokens are sent as they are generated, and a response ends when it is complete."""
