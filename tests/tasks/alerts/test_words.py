"""What commands and forms say of an acknowledgement."""
