"""What goes wrong. A file that is not there is Python's own ``FileNotFoundError``."""


class StyleganError(Exception):
    """Any of the others."""


class ArgumentError(StyleganError, ValueError):
    """An argument does not fit the network: a class, a shape, a name."""


class CheckpointError(StyleganError, ValueError):
    """A file is not a network that can be drawn: the text says what was found and what is needed."""


class DeviceError(StyleganError, RuntimeError):
    """No device answers, or it refused, was lost or has too little memory."""
