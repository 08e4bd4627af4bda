"""The one error that is the user's to mend."""


class LowlandError(ValueError):
    """A mistake in parameters, data or requirements, told in one line.

    The message names the parameter or file, what came, what was expected and what to do. The command line prints it
    without a stack trace and exits with code 2.
    """
