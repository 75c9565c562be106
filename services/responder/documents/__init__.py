"""Documents of the house → passages. Pure: bytes in, texts out; `store` of the folder above keeps them."""
