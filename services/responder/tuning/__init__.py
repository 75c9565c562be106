"""What approved replies teach the meaning of messages: asked for, learnt, measured, used, taken back."""
